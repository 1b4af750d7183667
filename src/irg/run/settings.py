"""What any run of training is told, whatever it trains and on what."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from irg.core.settings import BaseSettings
from irg.run.metrics import LogSettings
from irg.run.optimizers import OptimizerSettings
from irg.run.schedule import ScheduleSettings


class NonFinite(StrEnum):
    """What becomes of a step whose loss or gradient is infinite or no number: it moves nothing, and"""

    STOP = "stop"
    """the run ends there."""
    SKIP = "skip"
    """is counted; many in a row end the run all the same."""


class SavingSettings(BaseSettings):
    every: int = Field(default=500, ge=1)
    keep: int = Field(default=2, ge=1)
    frozen: bool = True
    """Whether weights that do not train are saved too; without, they are read from `init` again."""


@dataclass(frozen=True)
class RunSettings:
    """One run: where, how long, and how its weights move."""

    out: Path
    identity: dict[str, Any]
    """What must be the same in a run that goes on from one of its checkpoints: a JSON object."""
    optimizer: OptimizerSettings
    seed: int = 0
    """Of the global generators, which libraries use."""
    steps: int | None = None
    """Of the whole run, by which the schedule goes; None: as many as the feed has."""
    stop_at: int | None = None
    """Leave off after this step all the same."""
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    clip: float = 1.0
    """Longest gradient of all trained weights together; longer ones are shortened to it."""
    non_finite: NonFinite = NonFinite.STOP
    ema: float | None = None
    """Decay of the averaged weights; None keeps no average."""
    ema_warmup: bool = False
    """Average over the last few steps at first."""
    checkpoint: SavingSettings = field(default_factory=SavingSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def last(self) -> int | None:
        """The step after which the run ends; None: when the feed does."""
        return self.stop_at or self.steps
