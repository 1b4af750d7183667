"""What a benchmark is: data and pure functions, so that drawing, judging, replaying and reporting are written
once. A benchmark says what is drawn, where its official files and folders keep things, who judges, and how
evidence becomes numbers; nothing here draws, asks or writes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from irg.bench.items import Item
from irg.bench.pictures import NOT_DRAWN, ShownPicture
from irg.bench.tree import OfficialTree

if TYPE_CHECKING:
    from irg.pipeline import Plan
    from irg.pipeline.plans import StepPlan

_HASH_LENGTH = 64
BASE_TURN = 0
"""The turn of what is drawn at once, without a thought; turns with thoughts count from 1."""


@dataclass(frozen=True)
class OfficialFile:
    """An official file: its place in the benchmark's folder, where it is fetched from, and its hash, or the
    beginning of it, if known.

    The address is an `https:` one, or `hf://datasets/OWNER/NAME@REVISION/PATH` of the hub.
    """

    path: str
    address: str
    sha256: str | None = None

    @property
    def is_pinned(self) -> bool:
        """No other file can be taken for it."""
        return self.sha256 is not None and len(self.sha256) == _HASH_LENGTH

    def fits(self, found: str) -> bool:
        """Whether a file of this hash may be it."""
        return self.sha256 is None or found.startswith(self.sha256)


class Status(StrEnum):
    """What became of a question about a picture. What is not OK is asked again the next time."""

    OK = "ok"
    JUDGE_ERROR = "judge error"
    PARSE_FAILED = "answer cannot be read"
    REFUSED = "judge refused"


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """The raw evidence on one question: about one picture of the item, or (None) about all of them.

    `judge` holds what the answer itself said of the judge, beside what `Judge.identity` says of all.
    """

    picture: int | None
    question: str
    evidence: Mapping[str, Any]
    status: Status = Status.OK
    judge: dict[str, Any] = field(default_factory=dict)

    @property
    def fault(self) -> str | None:
        """Why it says nothing, of an error with its `reason` in the evidence; None if it says something."""
        if self.status is Status.OK:
            return None
        reason = self.evidence.get("reason") if self.status is Status.JUDGE_ERROR else None
        return f"{self.status}: {reason}" if reason else str(self.status)


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that is known of the pictures of an item in one turn. It is the last hearing of them that counts.

    `shown` has the sha256 of each picture that the judge saw, `absent` why another one was not shown.
    """

    item: str
    turn: int
    shown: dict[int, str]
    absent: dict[int, str]
    rows: tuple[EvidenceRow, ...]

    @property
    def key(self) -> tuple[str, int]:
        return self.item, self.turn

    @property
    def is_settled(self) -> bool:
        """Nothing about it needs to be asked again."""
        return not self.absent and all(row.status is Status.OK for row in self.rows)

    def ok(self, picture: int | None) -> dict[str, EvidenceRow]:
        """By question the rows about a picture; none where any of them failed, or nothing was asked."""
        rows = self._about(picture)
        return {} if self._failure(picture, rows) else {row.question: row for row in rows}

    def failure(self, picture: int | None) -> str | None:
        """Why there is no evidence, or not all of it, of a picture (None: of all of them together)."""
        return self._failure(picture, self._about(picture))

    def _failure(self, picture: int | None, rows: Sequence[EvidenceRow]) -> str | None:
        if picture is not None and picture not in self.shown:
            return self.absent.get(picture, NOT_DRAWN)
        failed = [fault for row in rows if (fault := row.fault) is not None]
        return failed[0] if failed else None if rows else "not judged"

    def _about(self, picture: int | None) -> list[EvidenceRow]:
        return [row for row in self.rows if row.picture == picture]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a judge is shown: an item, and by number its pictures of one turn that there are, all readable."""

    item: Item
    turn: int
    pictures: Mapping[int, ShownPicture]


class Judge(Protocol):
    """Whoever finds something out about pictures: an oracle, detectors, a model behind an address."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that decides on its answers, as JSON: model and revision, hashes of templates, temperature ...
        What was found by another judge is not taken for its own."""
        ...

    def hear(self, shown: Sequence[Shown]) -> Iterable[tuple[Shown, Sequence[EvidenceRow]]]:
        """The rows of each, as soon as they are known, in any order. What fails is a row that says so."""
        ...


@dataclass(frozen=True)
class JudgeOptions:
    """What a judge is made from: the folder of the official files, a folder in which it may keep answers that
    were paid for, and what the user said of it (`--judge KEY=VALUE`), all of which somebody has to read."""

    sources: Path
    keep: Path
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What counts in a score once: the value of a picture (None: of all pictures of the item together).

    `right` is None where a protocol knows better and worse, but not right and wrong.
    """

    item: str
    picture: int | None
    category: str
    value: float
    right: bool | None = None


@dataclass(frozen=True)
class Figure:
    """A number of a report. `counted` of `expected` samples it is made of; None of nothing."""

    name: str
    value: float | None
    counted: int
    expected: int
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Summary:
    """One turn of one run under one variant of a protocol.

    `samples` is what the headline is made of: the sum over categories of `weights` times the mean of the
    category's values, by which runs are compared in pairs. Where it is none, `weights` is empty.
    """

    variant: str
    headline: Figure
    figures: tuple[Figure, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class OfficialProgram:
    """A benchmark's own code, as somebody has it in a folder: how it is run there, and what it leaves.

    `commands` are run one after the other, in that folder and without a shell. They may name {python},
    {pictures}, a folder in the official layout, {around}, the folder which that is in, {results}, an empty
    one, {sources}, that of our official files, and `settings`, here with their defaults; $NAME is a variable
    of the environment, so that no key is ever written down. `texts` are files that it wants beside the
    pictures' folder, by name, of that folder and what is shown. `leaves` is a folder of the code's own into
    which it writes: what is new there counts among the results. `read` makes rows of them, by item.
    """

    script: str
    commands: tuple[str, ...]
    read: Callable[[Path, Sequence[Shown]], Mapping[str, Sequence[EvidenceRow]]]
    settings: Mapping[str, str] = field(default_factory=dict)
    texts: Callable[[Path, Sequence[Shown]], Mapping[str, str]] = lambda pictures, shown: {}
    leaves: str | None = None


def judge_name(identity: Mapping[str, Any]) -> str:
    """What a judge is called beside a number: its name or model, or those of its parts."""
    for name in ("name", "model"):
        if isinstance(found := identity.get(name), str):
            return found
    parts = {part: judge_name(inner) for part, inner in identity.items() if isinstance(inner, Mapping)}
    return ", ".join(f"{part} {name}" for part, name in parts.items() if name)


Hearings = Mapping[str, Hearing]
"""Of one turn, by the item's id; an item may have none."""
Summarise = Callable[[Sequence[Item], Hearings], Summary]
Results = Callable[[Sequence[Item], Hearings], Mapping[str, str]]
"""Files by their paths, such as official programs read them."""


@dataclass(frozen=True)
class Benchmark:
    """A protocol under its name. `version` grows with every change that can move a score.

    `judge` makes the judge, for the length of a block. `summaries` has a function for each variant of the
    protocol by its name, the first being the usual one. `digits` is how official tables round, and `scale`
    what they multiply by. `results` are the official result files of a turn, where they are known, and
    `program` is the official code. `size` is that of all pictures, and `world` the closed one that a model
    has to know, where there is but one.
    """

    name: str
    version: int
    words: str
    items: Callable[[Path], list[Item]]
    judge: Callable[[JudgeOptions], AbstractContextManager[Judge]]
    summaries: Mapping[str, Summarise]
    tree: OfficialTree
    sources: tuple[OfficialFile, ...] = ()
    digits: int = 2
    scale: float = 1.0
    results: Results | None = None
    program: OfficialProgram | None = None
    size: tuple[int, int] | None = None
    world: str | None = None

    def __post_init__(self) -> None:
        assert self.version >= 1 and self.summaries, f"{self.name} needs a version and a summary"

    def title(self, variant: str) -> str:
        """What a number of this variant is called wherever it is printed."""
        return self.name if variant == self.name else f"{self.name}/{variant}"

    def check(self, plans: "Iterable[Plan | StepPlan]", world: str | None) -> None:
        """Raises ValueError for a model that does not know the benchmark's world, and for plans that draw
        pictures of a size that the judge does not read."""
        if self.world is not None and world != self.world:
            raise ValueError(f"the model does not know the world of {self.world}, which {self.name} is about")
        for plan in plans:
            if self.size is not None and plan.size != self.size:
                size = plan.size if isinstance(plan.size, str) else "x".join(map(str, plan.size))
                wanted = "x".join(map(str, self.size))
                raise ValueError(f"pictures of {size}: {self.name} reads {wanted}")


def missing_pictures(items: Iterable[Item], heard: Hearings) -> dict[str, int]:
    """How many of the pictures have no evidence, by reason."""
    reasons: Counter[str] = Counter()
    for item in items:
        hearing = heard.get(item.id)
        for number in range(len(item.seeds)):
            reason = NOT_DRAWN if hearing is None else hearing.failure(number)
            if reason is not None:
                reasons[reason] += 1
    return dict(reasons)
