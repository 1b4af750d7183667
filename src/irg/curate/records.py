"""Records: what one candidate trace is so far, on its way from a prompt to a trace or to a reject.

A record is frozen; a stage returns a changed copy. Nothing in it depends on clocks, on machines or on luck
other than seeds, so that a run that was killed and went on ends with the same bytes as one that was not.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from irg.core.cost import Cost
from irg.core.picture import Picture
from irg.core.trace import Verdict
from irg.data.sets import WORK
from irg.endpoint import NoAnswer
from irg.stages.records import JSON, Codec, Reject, StageStep
from irg.stages.store import Store

PASSING = frozenset(reason.value for reason in NoAnswer if not reason.stops_run)
"""Reasons for rejects that another attempt at an endpoint, or one with other settings, may not meet."""


class Relation(StrEnum):
    """How image 2 compares to image 1."""

    BETTER = "better"
    EQUAL = "equal"
    WORSE = "worse"


@dataclass(frozen=True)
class PictureCheck:
    """One question that a judge asked about an image (1 or 2): whether the image passes it."""

    image: int
    question: str
    passed: bool


@dataclass(frozen=True)
class Reflection:
    """What a teacher says of image 1 in the light of image 2, in four parts.

    A teacher whose sentences do several parts at once leaves the others empty.
    """

    falls_short: str
    changes: str
    steps: str
    better: str

    @property
    def text(self) -> str:
        """The whole of it, as the second thought of a trace."""
        return " ".join(part for part in (self.falls_short, self.changes, self.steps, self.better) if part)


@dataclass(frozen=True)
class TraceRecord:
    """One candidate trace. `id` hashes how it came about; `index` counts proposals, which orders the set."""

    id: str
    index: int
    prompt: str
    source: str = ""
    licence: str = ""
    thought: str | None = None
    """The initial thought. A record that is to be drawn and has none is drawn with the student's own."""
    candidates: tuple[Picture, ...] = ()
    image1: Picture | None = None
    image2: Picture | None = None
    verdict1: Verdict | None = None
    verdict2: Verdict | None = None
    relation: Relation | None = None
    checks: tuple[PictureCheck, ...] = ()
    reflection: Reflection | None = None
    scores: dict[str, float] = field(default_factory=dict)
    """Numbers by name, for the filters and the report."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """By name, what near-duplicates are found by, in hex."""
    modes: tuple[str, ...] = ()
    """The learning modes that the trace may teach; none named means all."""
    notes: JSON = field(default_factory=dict)
    """What else a stage wants the trace's provenance to say, by name."""
    steps: tuple[StageStep, ...] = ()
    cost: Cost = field(default_factory=Cost)
    rejected: Reject | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        named = (picture for picture in (self.image1, self.image2) if picture is not None)
        return (*self.candidates, *named)

    def reject(self, stage: str, reason: str, detail: str = "") -> "TraceRecord":
        return replace(self, rejected=Reject(stage, reason, detail))

    def noted(self, notes: JSON) -> "TraceRecord":
        return replace(self, notes=self.notes | notes)

    def scored(self, scores: dict[str, float]) -> "TraceRecord":
        return replace(self, scores=self.scores | scores)


CODEC = Codec(TraceRecord, PASSING)


def work_of(out: Path) -> Store[TraceRecord]:
    """What every stage of a run made, in the run's folder."""
    return Store(out / WORK, CODEC)
