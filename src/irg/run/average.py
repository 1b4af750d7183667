"""Averaged weights: what a run is evaluated and released with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from irg.run.state import local


class Average:
    """Exponential moving average of the trained weights in float32, sharded as they are.

    With a decay of None there is none, and the model's own weights stand for it.
    """

    def __init__(self, model: nn.Module, decay: float | None, warmup: bool) -> None:
        self.decay, self.warmup = decay, warmup
        trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self.parameters = {} if decay is None else trained
        self.values = {name: one.detach().clone().float() for name, one in self.parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps (from 1)."""
        if self.decay is None:
            return
        decay = min(self.decay, step / (step + 9)) if self.warmup else self.decay
        averaged = [local(value) for value in self.values.values()]
        new = [local(one.detach()).float() for one in self.parameters.values()]
        torch._foreach_lerp_(averaged, new, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within the block the model holds the averaged weights."""
        own = {name: local(one.detach()).clone() for name, one in self.parameters.items()}
        self._fill({name: local(value) for name, value in self.values.items()})
        try:
            yield
        finally:
            self._fill(own)

    @torch.no_grad()
    def _fill(self, values: dict[str, torch.Tensor]) -> None:
        for name, parameter in self.parameters.items():
            local(parameter.detach()).copy_(values[name])
