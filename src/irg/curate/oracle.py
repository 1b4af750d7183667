"""The scene oracle in process: it thinks, improves, judges and reflects, exactly and for nothing.

Its thoughts and reflections are the world's sentences, which name what falls short, what to change and how in
one: of a reflection's four parts it fills the first and the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from PIL import Image

from irg.core.picture import Picture
from irg.core.trace import Verdict
from irg.curate.records import PictureCheck, Reflection, Relation, TraceRecord
from irg.stages.stage import EachRecord, Identity
from irg.world import (
    OutsideWorld,
    Reading,
    Request,
    Scene,
    compare,
    fulfil,
    fulfils,
    judge,
    parse,
    parse_thought,
    perturb,
    read,
    reflection,
    render,
    repair,
    thought,
)

ORACLE = {"name": "scene oracle"}
IMPROVING = ("improving_understanding", "improving_thinking", "improving_full")
"""What a trace may teach whose first thought does not fulfil its prompt."""


class CandidateChoice(StrEnum):
    """Which of the candidates becomes image 1."""

    FIRST = "first"
    FLAWED = "flawed"
    """The first that is wrong; the first of all if none is."""
    WORST = "worst"
    BEST = "best"


class OracleThink(EachRecord[TraceRecord]):
    """Plans a scene for the prompt and describes it; leaves a share of the records to the student."""

    def __init__(self, student_share: float = 0.0, seed: int = 0) -> None:
        self.student_share = student_share
        self.identity = Identity("think", 2, ORACLE, settings={"student": student_share}, seed=seed)

    def one(self, record: TraceRecord) -> TraceRecord:
        rng = np.random.default_rng(self.identity.seed_for(record))
        if rng.random() < self.student_share:
            return record
        try:
            request = parse(record.prompt)
            plan = fulfil(request, rng)
        except OutsideWorld as unknown:
            return record.reject("think", "outside the scene world", str(unknown))
        return replace(record.noted({"thought": "oracle"}), thought=thought(plan, request))


class OracleImprove(EachRecord[TraceRecord]):
    """Chooses image 1 among the candidates, and renders the right scene that keeps what is right in it."""

    def __init__(self, choice: CandidateChoice = CandidateChoice.FIRST, seed: int = 0) -> None:
        self.choice = choice
        self.identity = Identity("improve", 2, ORACLE, settings={"choice": choice}, seed=seed)

    def one(self, record: TraceRecord) -> TraceRecord:
        rng = np.random.default_rng(self.identity.seed_for(record))
        try:
            request = parse(record.prompt)
            readings = [read_picture(picture) for picture in record.candidates]
        except ValueError as unknown:
            return record.reject("improve", "outside the scene world", str(unknown))
        chosen = self._choose(request, readings)
        target, _ = repair(request, readings[chosen], plan_of(record.thought), rng)
        picture = Picture.of(Image.fromarray(render(target)))
        noted = record.noted({"image 2": "oracle", "candidate": chosen})
        return replace(noted, image1=record.candidates[chosen], image2=picture)

    def _choose(self, request: Request, readings: Sequence[Reading]) -> int:
        flaws = [len(judge(request, reading)) for reading in readings]
        match self.choice:
            case CandidateChoice.FLAWED:
                return next((place for place, number in enumerate(flaws) if number), 0)
            case CandidateChoice.WORST:
                return flaws.index(max(flaws))
            case CandidateChoice.BEST:
                return flaws.index(min(flaws))
        return 0


class OracleJudge(EachRecord[TraceRecord]):
    """Judges both images by the prompt, and whether image 2 is better than image 1, or the same where nothing
    is wrong. The oracle reads each image alone, so the order in which they are shown cannot matter."""

    identity = Identity("judge", 1, ORACLE)

    def one(self, record: TraceRecord) -> TraceRecord:
        seen = _Pair.of(record)
        first, second = (Verdict.of(judge(seen.request, reading)) for reading in (seen.first, seen.second))
        flaws = compare(seen.first, seen.target)
        relation = Relation.BETTER if flaws else Relation.EQUAL
        if not second.correct:
            relation = Relation.WORSE
        plan = plan_of(record.thought)
        plan_right = plan is not None and fulfils(plan, seen.request)
        judged = replace(
            record.scored({"flaws": float(len(flaws)), "plan right": float(plan_right)}),
            verdict1=first,
            verdict2=second,
            relation=relation,
            checks=_checks(first, second),
            modes=() if plan_right else IMPROVING,
        )
        if relation is Relation.WORSE:
            return judged.reject("judge", "image 2 is wrong", "; ".join(second.flaws))
        if relation is Relation.EQUAL and not first.correct:
            return judged.reject("judge", "a flaw that no words name", "; ".join(first.flaws))
        return judged


class OracleReflect(EachRecord[TraceRecord]):
    """Says what image 1 lacks of image 2, in the world's sentences, and describes image 2."""

    identity = Identity("reflect", 2, ORACLE)

    def one(self, record: TraceRecord) -> TraceRecord:
        seen = _Pair.of(record)
        text = reflection(compare(seen.first, seen.target), seen.target, seen.request)
        criticism, _, description = text.partition(" Better: ")
        return replace(record, reflection=Reflection(criticism, "", "", f"Better: {description}"))


def flawed_picture(plan: str, flawed: bool, rng: Generator) -> Picture:
    """A picture of the scene that a thought describes, with one or two random flaws if it is to have any.

    Raises ValueError for a thought that describes no scene.
    """
    scene = parse_thought(plan).pose(rng)
    return Picture.of(Image.fromarray(render(perturb(scene, rng) if flawed else scene)))


@lru_cache(maxsize=1024)
def read_picture(picture: Picture) -> Reading:
    """What the oracle sees. Raises ValueError for a picture that is none of the scene world's size.

    Improving, judging and reflecting all ask it of the same pictures, one soon after the other.
    """
    return read(np.asarray(picture.open()))


def plan_of(text: str | None) -> Scene | None:
    """The scene that a thought describes. One that describes none is as good as none."""
    try:
        return parse_thought(text) if text else None
    except ValueError:
        return None


@dataclass(frozen=True)
class _Pair:
    """Both images of a record as the oracle sees them; `target` is what image 2 shows."""

    request: Request
    first: Reading
    second: Reading

    @classmethod
    def of(cls, record: TraceRecord) -> "_Pair":
        assert record.image1 is not None and record.image2 is not None, "judging needs both images"
        return cls(parse(record.prompt), read_picture(record.image1), read_picture(record.image2))

    @property
    def target(self) -> Scene:
        return self.second.scene.content


def _checks(first: Verdict, second: Verdict) -> tuple[PictureCheck, ...]:
    asked = "Does it show exactly what the prompt asks for?"
    return (PictureCheck(1, asked, first.correct), PictureCheck(2, asked, second.correct))
