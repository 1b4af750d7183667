"""What training minimises: the model and its two losses as one module, so that sharding and compiling see one
forward.

Shape suffixes: N labelled tokens, M supervised latent tokens, V values of a latent token, D width, T tokens.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from irg.core import IGNORE, Packed
from irg.model import UnifiedModel
from irg.model.attention import Attend

CHUNK = 2048
"""Labelled tokens whose logits exist at one time: 152,064 values each in BAGEL."""


class Reduction(StrEnum):
    """How much each text or image counts in the mean: by its tokens, equally, or in between.

    With weights 1, 1/n and 1/sqrt(n) on each of the n tokens of a text or image (BAGEL's `token`, `sample`
    and `square` reweighting).
    """

    TOKEN = "token"
    SAMPLE = "sample"
    SQUARE = "square"


@dataclass(frozen=True, eq=False)
class Losses:
    """Unreduced losses, in the order of the row's labels and supervised latents."""

    text_N: torch.Tensor
    """Cross-entropy of every labelled token."""
    flow_MV: torch.Tensor
    """Squared velocity error of every value of every supervised latent token."""
    velocity_MV: torch.Tensor
    """The velocities themselves, float32."""


@dataclass(frozen=True, eq=False)
class LossShares:
    """Which document each loss value belongs to, and how much it weighs in the mean."""

    text_document_N: torch.Tensor
    text_weight_N: torch.Tensor
    flow_document_M: torch.Tensor
    flow_weight_M: torch.Tensor


class ModelLosses(nn.Module):
    """Forward over a packed row to unreduced losses."""

    def __init__(self, model: UnifiedModel) -> None:
        super().__init__()
        self.model = model

    @property
    def layers(self) -> list[nn.Module]:
        """What is sharded, and whose activations are kept or computed again, one by one."""
        return [*self.model.decoder.layers, *self.model.vision.layers]

    def forward(self, packed: Packed, attend: Attend, temperature: float = 1.0) -> Losses:
        """`temperature` divides the logits, as where texts are sampled."""
        packed = touching_every_part(packed, self.model)
        streams = self.model(packed, attend)
        label_U = packed.label_T[packed.understanding_index_U]
        wanted = label_U != IGNORE
        text_N = self._cross_entropy(streams.understanding_UD[wanted], label_U[wanted], temperature)
        supervised = packed.has_target_M
        velocity_MV = self.model.latent_out(streams.generation_MD[supervised]).float()
        if packed.target_MC is None:
            return Losses(text_N, velocity_MV, velocity_MV)
        error_MV = velocity_MV - packed.target_MC[supervised].float()
        return Losses(text_N, error_MV.square(), velocity_MV)

    def _cross_entropy(
        self, hidden_ND: torch.Tensor, label_N: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        """Logits exist for labelled tokens only, chunk by chunk, and are made again for the gradients."""
        if len(hidden_ND) <= CHUNK:
            return self._chunk_losses(hidden_ND, label_N, temperature)
        chunks = zip(hidden_ND.split(CHUNK), label_N.split(CHUNK), strict=True)
        return torch.cat(
            [
                checkpoint(self._chunk_losses, hidden, label, temperature, use_reentrant=False)
                for hidden, label in chunks
            ]
        )

    def _chunk_losses(
        self, hidden_ND: torch.Tensor, label_N: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        logits_NV = self.model.logits(hidden_ND).float() / temperature
        return functional.cross_entropy(logits_NV, label_N, reduction="none")


def touching_every_part(packed: Packed, model: UnifiedModel) -> Packed:
    """The row with empty tensors in place of absent patches and latents.

    So that a row without images still gives every parameter a gradient (zero): sharded processes must agree
    on which parameters have one.
    """
    if packed.patch_PD is None:
        packed = replace(
            packed, patch_PD=torch.zeros(0, model.config.vision.patch_values, device=model.device)
        )
    if packed.latent_MC is None:
        packed = replace(packed, latent_MC=torch.zeros(0, model.config.latent_values, device=model.device))
    return packed


def shares(packed: Packed, text: Reduction, flow: Reduction) -> LossShares:
    """Documents and weights of the losses that `ModelLosses` gives for the row."""
    labelled_N = packed.understanding_index_U[packed.label_T[packed.understanding_index_U] != IGNORE]
    target_M = packed.latent_index_M[packed.has_target_M]
    return LossShares(
        packed.document_T[labelled_N],
        _weights(packed.segment_T[labelled_N], text),
        packed.document_T[target_M],
        _weights(packed.segment_T[target_M], flow),
    )


def _weights(segment_N: torch.Tensor, reduction: Reduction) -> torch.Tensor:
    if reduction is Reduction.TOKEN or not len(segment_N):
        return torch.ones(len(segment_N), device=segment_N.device)
    length_N = torch.bincount(segment_N)[segment_N].float()
    return 1 / length_N if reduction is Reduction.SAMPLE else length_N.rsqrt()
