"""The two losses over packed rows, unreduced: cross-entropy of labelled tokens, flow error of noised latents.

Shape suffixes: N labelled tokens, M supervised latent tokens, V values of a latent token, D width.
"""

import torch
from torch.nn import functional

from irg.core import IGNORE, Packed
from irg.model import Streams, UnifiedModel


def token_losses(model: UnifiedModel, packed: Packed, streams: Streams) -> torch.Tensor:
    """[N] cross-entropy of every labelled token. Logits exist for those tokens only."""
    label_U = packed.label_T[packed.understanding_index_U]
    wanted = label_U != IGNORE
    logits_NV = model.logits(streams.understanding_UD[wanted])
    return functional.cross_entropy(logits_NV.float(), label_U[wanted], reduction="none")


def flow_losses(model: UnifiedModel, packed: Packed, streams: Streams) -> torch.Tensor:
    """[M, V] squared error of the velocity of every supervised latent token."""
    if packed.target_MC is None:
        return streams.generation_MD.new_zeros(0, model.config.latent_values)
    supervised = packed.has_target_M
    velocity_MV = model.latent_out(streams.generation_MD[supervised])
    return (velocity_MV.float() - packed.target_MC[supervised].float()).square()
