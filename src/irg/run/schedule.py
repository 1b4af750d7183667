"""Learning-rate schedules: pure functions of the step."""

import math
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from irg.core.settings import BaseSettings


class RateCurve(StrEnum):
    """How the learning rate goes after the warm-up."""

    CONSTANT = "constant"
    COSINE = "cosine"
    LINEAR = "linear"


class ScheduleSettings(BaseSettings):
    """Linear warm-up, then the full rate, then perhaps a decay over the last part of the run."""

    kind: RateCurve = RateCurve.CONSTANT
    warmup: int = Field(default=0, ge=0)
    """Steps until the full rate; the first of them already moves."""
    decay_from: float = Field(default=0.0, ge=0.0, le=1.0)
    """The fraction of the run at which the decay begins."""
    floor: float = Field(default=0.0, ge=0.0, le=1.0)
    """What the decay ends at, as a fraction of the full rate."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        # Zeros may be written out: resolved recipes write out every default.
        unread = [name for name in ("decay_from", "floor") if getattr(self, name)]
        if self.kind is RateCurve.CONSTANT and unread:
            raise ValueError(f"a constant schedule has no {' and no '.join(unread)}")
        return self

    def factor(self, step: int, total: int | None) -> float:
        """What to multiply the learning rate by in step `step` (from 0) of `total`.

        A constant rate asks for no total; ValueError where a decay does not know when to end.
        """
        if self.kind is RateCurve.CONSTANT:
            return _rising(step, self.warmup)
        if total is None:
            raise ValueError(f"a {self.kind} schedule needs the number of steps of the run")
        begin = self.decay_from * total
        gone = min(max((step - begin) / max(total - begin, 1), 0.0), 1.0)
        left = 1 - gone if self.kind is RateCurve.LINEAR else (1 + math.cos(math.pi * gone)) / 2
        return _rising(step, self.warmup) * (self.floor + (1 - self.floor) * left)


def _rising(step: int, warmup: int) -> float:
    return min((step + 1) / warmup, 1.0) if warmup else 1.0
