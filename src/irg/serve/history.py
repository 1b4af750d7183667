"""What episodes have come to, kept to go on from where they stood after any of their turns."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from irg.core import Segment
from irg.pipeline import Plan
from irg.pipeline.plans.context import ContextEntry
from irg.pipeline.plans.course import PlanCourse
from irg.pipeline.state import Drawn


@dataclass(frozen=True, eq=False)
class Milestone:
    """Where an episode stood at the end of a turn, to go on from there."""

    plan: Plan
    """How the turn is drawn: a plan of one turn."""
    num_segments: int
    """Of the episode's history."""
    num_before: int
    turn: int
    drawn: Drawn
    generator: torch.Tensor
    """The state of its random numbers."""


@dataclass(frozen=True, eq=False)
class History:
    """What an episode has come to: all that it read and wrote, and where it stood after each turn."""

    history: tuple[Segment, ...]
    marks: tuple[Milestone, ...]

    @property
    def num_tokens(self) -> int:
        return sum(segment.num_tokens for segment in self.history)


@dataclass(frozen=True, eq=False)
class PlanMilestone:
    """Where an episode of a plan of steps stood after a picture, or after the text before it. `begun` is
    where it stood before that text, where it was left there."""

    course: PlanCourse
    drawn: Drawn
    generator: torch.Tensor
    begun: PlanCourse | None = None


@dataclass(frozen=True, eq=False)
class PlanHistory:
    """What an episode of a plan of steps has come to: the segments of all that it read and wrote, and where
    it stood after each picture. `answer` is the text that is its result, where that is one."""

    segments: Mapping[ContextEntry, Segment]
    marks: tuple[PlanMilestone, ...]
    answer: str | None = None

    @property
    def num_tokens(self) -> int:
        return sum(segment.num_tokens for segment in self.segments.values())
