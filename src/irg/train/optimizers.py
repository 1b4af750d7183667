"""Optimizers: Muon for the matrices inside the transformers, AdamW for everything else."""

from collections.abc import Iterable

import torch
from torch import nn

_OUTSIDE = (
    "decoder.embedding",
    "decoder.head",
    "vision.patch_embedding",
    "vision.position_embedding",
    "latent_",
    "timestep",
)


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable hidden matrices, and all other trainable parameters.

    Embeddings, heads and the layers at the model's edges are no maps between hidden states; orthogonalised
    updates (Muon) suit them badly.
    """
    hidden, other = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (hidden if parameter.ndim == 2 and not name.startswith(_OUTSIDE) else other).append(parameter)
    return hidden, other


class OptimizerPair:
    """Steps both optimizers as one, and scales their learning rates together."""

    def __init__(self, model: nn.Module, matrix_rate: float, other_rate: float) -> None:
        hidden, other = split_parameters(model)
        self.matrices = torch.optim.Muon(hidden, lr=matrix_rate, weight_decay=0.0)
        self.others = torch.optim.AdamW(other, lr=other_rate, betas=(0.9, 0.95), weight_decay=0.0)
        self.rates = {id(self.matrices): matrix_rate, id(self.others): other_rate}

    @property
    def members(self) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        return self.matrices, self.others

    def step(self, factor: float) -> None:
        for optimizer in self.members:
            for group in optimizer.param_groups:
                group["lr"] = self.rates[id(optimizer)] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The state as named tensors, for safetensors."""
        return {
            f"{which}.{index}.{field}": torch.as_tensor(value)
            for which, optimizer in enumerate(self.members)
            for index, state in optimizer.state_dict()["state"].items()
            for field, value in state.items()
        }

    def load_tensors(self, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
        states: tuple[dict, dict] = ({}, {})
        for name, value in tensors:
            which, index, field = name.split(".")
            states[int(which)].setdefault(int(index), {})[field] = value
        for optimizer, state in zip(self.members, states, strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
