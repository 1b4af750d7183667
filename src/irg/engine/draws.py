"""Where randomness comes from: the CPU, so that a seed means the same on every device."""

from typing import Protocol

import torch


class Draws(Protocol):
    """The random numbers of one episode, in the order in which it asks for them."""

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal float32 noise."""
        ...

    def uniform(self) -> float:
        """One number in [0, 1)."""
        ...

    def fork(self) -> "Draws":
        """Draws of their own that go on as these would."""
        ...


class SeededDraws:
    """Draws from a private generator; the global one is never touched."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def fork(self) -> "SeededDraws":
        """Draws of its own that go on as these would."""
        forked = SeededDraws(0)
        forked.generator.set_state(self.generator.get_state())
        return forked

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def uniform(self) -> float:
        return torch.rand((), generator=self.generator).item()
