"""Records: what one candidate trace is so far, on its way from a prompt to a trace or to a reject.

A record is frozen; a stage returns a changed copy. Nothing in it depends on clocks, on machines or on luck
other than seeds, so that a run that was killed and went on ends with the same bytes as one that was not.
"""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from irg.core.cost import Cost
from irg.core.picture import Picture
from irg.core.trace import Verdict, verdict_as_json, verdict_from_json
from irg.endpoint import NoAnswer
from irg.stages.records import JSON, Codec, Find, Reject, StageStep
from irg.stages.store import Store

PASSING = frozenset(reason.value for reason in NoAnswer if reason.retried)
"""Reasons for rejects that another attempt at an endpoint may not meet."""


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


def as_json(record: TraceRecord) -> JSON:
    """A record as JSON, its pictures as their digests."""

    def name(picture: Picture | None) -> str | None:
        return picture.digest if picture else None

    return {
        "id": record.id,
        "index": record.index,
        "prompt": record.prompt,
        "source": record.source,
        "licence": record.licence,
        "thought": record.thought,
        "candidates": [name(picture) for picture in record.candidates],
        "image1": name(record.image1),
        "image2": name(record.image2),
        "verdict1": verdict_as_json(record.verdict1),
        "verdict2": verdict_as_json(record.verdict2),
        "relation": record.relation,
        "checks": [asdict(check) for check in record.checks],
        "reflection": asdict(record.reflection) if record.reflection else None,
        "scores": record.scores,
        "fingerprints": record.fingerprints,
        "modes": record.modes,
        "notes": record.notes,
        "steps": [asdict(step) for step in record.steps],
        "cost": asdict(record.cost),
        "rejected": asdict(record.rejected) if record.rejected else None,
    }


def from_json(content: JSON, find: Find) -> TraceRecord:
    """The record that `as_json` wrote, its pictures found by their digests."""

    def picture(digest: str | None) -> Picture | None:
        return None if digest is None else find(digest)

    parts = {name: content[name] for name in ("id", "index", "prompt", "source", "licence", "thought")}
    return TraceRecord(
        **parts,
        candidates=tuple(find(digest) for digest in content["candidates"]),
        image1=picture(content["image1"]),
        image2=picture(content["image2"]),
        verdict1=verdict_from_json(content["verdict1"]),
        verdict2=verdict_from_json(content["verdict2"]),
        relation=Relation(content["relation"]) if content["relation"] else None,
        checks=tuple(PictureCheck(**check) for check in content["checks"]),
        reflection=Reflection(**content["reflection"]) if content["reflection"] else None,
        scores=content["scores"],
        fingerprints=content["fingerprints"],
        modes=tuple(content["modes"]),
        notes=content["notes"],
        steps=tuple(StageStep(**step) for step in content["steps"]),
        cost=Cost(**content["cost"]),
        rejected=Reject(**content["rejected"]) if content["rejected"] else None,
    )


def work_of(out: Path) -> Store[TraceRecord]:
    """What every stage of a run made, in the run's folder."""
    return Store(out / "work", Codec(as_json, from_json, PASSING))
