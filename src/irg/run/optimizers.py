"""Optimizers of a run, stepped as one: AdamW, 8-bit AdamW, or Muon for the matrices inside the transformers.

All of them take plain parameters and FSDP2's sharded ones.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import nn

from irg.core.settings import BaseSettings
from irg.model.parts import is_hidden
from irg.run.muon import Muon


class OptimizerKind(StrEnum):
    ADAMW = "adamw"
    ADAMW8BIT = "adamw8bit"
    """torchao's: both moments in 8 bits, a quarter of the memory. Small parameters keep whole moments."""
    MUON = "muon"
    """Muon for the matrices inside the transformers, AdamW for everything else."""


class OptimizerSettings(BaseSettings):
    """What moves the weights. The defaults are the paper's."""

    kind: OptimizerKind = OptimizerKind.ADAMW
    rate: float = Field(default=2e-5, gt=0.0)
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = Field(default=1e-15, gt=0.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    matrix_rate: float | None = Field(default=None, gt=0.0)
    """Muon's rate; `rate` is then that of everything else."""
    stochastic_rounding: bool = False
    """Round updated bfloat16 weights up or down at random (by torch's global generator), so that updates too
    small for their precision are not lost. For 8-bit AdamW."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"betas {self.betas}: expected two numbers from 0 to 1, 1 excluded")
        if (self.kind is OptimizerKind.MUON) != (self.matrix_rate is not None):
            raise ValueError(
                f"matrix_rate {self.matrix_rate} with {self.kind}: muon needs it, no other takes it"
            )
        if self.stochastic_rounding and self.kind is not OptimizerKind.ADAMW8BIT:
            raise ValueError(f"stochastic_rounding is adamw8bit's, {self.kind} has none")
        return self


class Optimizers:
    """One or two optimizers over a model's trainable parameters.

    `members` are torch's optimizers, for `torch.distributed.checkpoint.state_dict`. Their state is complete
    from the beginning: a parameter that has had no gradient yet, such as one of a part that no row has used,
    has its zeros in every checkpoint. In a step it is left alone. `is_hidden` tells Muon's matrices by their
    names; without it they are the unified model's.
    """

    def __init__(
        self, model: nn.Module, settings: OptimizerSettings, is_hidden: Callable[[str], bool] = is_hidden
    ) -> None:
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError("there is nothing to optimize: all parameters are frozen")
        self.settings = settings
        hidden, other = split_parameters(model, is_hidden)
        self.members: list[torch.optim.Optimizer] = []
        self._rates: list[float] = []
        if settings.matrix_rate is None:
            self._add(_adamw(hidden + other, settings), settings.rate)
        else:
            if hidden:
                decay = settings.weight_decay
                self._add(Muon(hidden, settings.matrix_rate, weight_decay=decay), settings.matrix_rate)
            if other:
                self._add(_adamw(other, settings), settings.rate)
        self._begin()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All that is trained, each once."""
        return [one for member in self.members for group in member.param_groups for one in group["params"]]

    def step(self, factor: float) -> None:
        """Move every parameter that has a gradient, with the rates times `factor`."""
        for member, rate in zip(self.members, self._rates, strict=True):
            for group in member.param_groups:
                # torchao wants a tensor, on pain of compiling anew for each value.
                is_tensor = isinstance(group["lr"], torch.Tensor)
                group["lr"] = torch.tensor(rate * factor) if is_tensor else rate * factor
            with self._stance():
                member.step()

    def zero_grad(self) -> None:
        for member in self.members:
            member.zero_grad(set_to_none=True)

    def _add(self, member: torch.optim.Optimizer, rate: float) -> None:
        self.members.append(member)
        self._rates.append(rate)

    def _begin(self) -> None:
        """Make the state of all parameters, as it is before the first step."""
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        self.step(0.0)
        self.zero_grad()
        for member in self.members:
            for state in member.state.values():
                if "step" in state:
                    state["step"].zero_()

    def _stance(self) -> AbstractContextManager[object]:
        """torchao compiles its step, per shape of parameter: on a CPU that takes longer than it gains."""
        on_cpu = self.settings.kind is OptimizerKind.ADAMW8BIT and self.parameters[0].device.type == "cpu"
        return torch.compiler.set_stance("force_eager") if on_cpu else nullcontext()


def split_parameters(
    model: nn.Module, is_hidden: Callable[[str], bool] = is_hidden
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable matrices whose names are those of hidden ones, and all other trainable parameters."""
    hidden, other = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (hidden if parameter.ndim == 2 and is_hidden(name) else other).append(parameter)
    return hidden, other


def _adamw(parameters: list[nn.Parameter], settings: OptimizerSettings) -> torch.optim.Optimizer:
    betas, eps, decay = settings.betas, settings.eps, settings.weight_decay
    if settings.kind is OptimizerKind.ADAMW8BIT:
        from torchao.optim import AdamW8bit

        rounding = settings.stochastic_rounding
        return AdamW8bit(parameters, settings.rate, betas, eps, decay, bf16_stochastic_round=rounding)
    # On a CPU the plain loop is as fast, and rounds the same however parameters are sharded.
    fused = parameters[0].device.type == "cuda"
    return torch.optim.AdamW(
        parameters, settings.rate, betas, eps, decay, fused=fused, foreach=None if fused else False
    )
