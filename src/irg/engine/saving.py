"""Drawing with fewer evaluations of the model than steps, by choice: what a step takes for the velocity.

Shape suffixes: N latent tokens of an image, V values of a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import torch

from irg.core.values import check_number, chosen

Known = tuple[tuple[float, torch.Tensor], ...]
"""Times at which the model was run, and the velocities [N, V] that it gave, guided; latest last."""
MOST_KNOWN = 2
MOST_EVERY = 16


class Solver(StrEnum):
    """How a step goes from a velocity that was evaluated where it begins."""

    EULER = "euler"
    """Straight on, as the reference does."""
    ADAMS = "adams"
    """Along the line through this velocity and the one before: second order, without more evaluations."""


@dataclass(frozen=True)
class Saving:
    """What is saved, if anything: the defaults are the exact drawing.

    The model is run at every `every`-th step, counted from the first; in between the velocity is carried on
    along the line through the last two that are known, or as it was while there is only one.

    With `reuse` it is run when its input has changed by so much since it ran last, and at the last step;
    until then the velocity stays as it was. That is TeaCache (arXiv 2411.19108), without the polynomial that
    it fits to a model: the change is the sum over steps of how much embedded latents and times differ from
    those of the step before, relative to them.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # it stands in settings as it is

    every: int = 1
    solver: Solver = Solver.EULER
    reuse: float = 0.0

    def __post_init__(self) -> None:
        check_number("steps for each evaluation:", self.every, 1, MOST_EVERY, whole=True)
        check_number("change up to which a velocity is used again:", self.reuse, 0)
        if self.reuse and self.every > 1:
            raise ValueError(
                f"every {self.every} and reuse {self.reuse} both say when the model is run: expected one"
            )
        object.__setattr__(self, "solver", chosen("solver", self.solver, Solver))

    @property
    def is_exact(self) -> bool:
        """Whether nothing is saved."""
        return self == EXACT

    def evaluates(self, index: int) -> bool:
        """Whether the model is run at this step, counted from 0, whatever has changed."""
        return index % self.every == 0

    def velocity(self, known: Known, times: tuple[float, float]) -> torch.Tensor:
        """What takes the step between two times, by the velocities known: also that of its beginning, if it
        was evaluated."""
        begin, end = times
        (last_time, last_NV) = known[-1]
        straight = self.solver is Solver.EULER if last_time == begin else self.reuse > 0
        if len(known) < MOST_KNOWN or straight:
            return last_NV
        (before_time, before_NV) = known[-2]
        # The mean of a line over the step is its value in the middle.
        share = ((begin + end) / 2 - last_time) / (last_time - before_time)
        return last_NV + share * (last_NV - before_NV)


EXACT = Saving()


def with_known(known: Known, time: float, velocity_NV: torch.Tensor) -> Known:
    """With one more, as many as are of use."""
    return (*known, (time, velocity_NV))[-MOST_KNOWN:]


def evaluated(saving: Saving, times: Sequence[float]) -> list[float]:
    """The times of a schedule at which the model is run; where a velocity is used again, all."""
    return [time for index, time in enumerate(times[:-1]) if saving.evaluates(index)]
