"""Rewards: parts that grade a picture for a prompt from 0 to 1, composed and weighed by the recipe.

A part that cannot answer about a picture says why; nothing is guessed in its place. What it has answered is
kept in the run's folder, with an account of how often it was asked, and is not asked for again.
"""

import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.core.settings import BaseSettings, shown
from irg.endpoint import EndpointSettings


class _PartSettings(BaseSettings):
    weight: float = Field(default=1.0, gt=0)
    """How much it counts among the parts."""


class SceneRewardSettings(_PartSettings):
    """The oracle of the scene world: 1 for a right picture, below one half for a wrong one, by how much of
    the request it fulfils."""

    kind: Literal["scene"]


class FunctionRewardSettings(_PartSettings):
    """Python of your own: `function(shown) -> float`, from 0 to 1, of a `GradedPicture`. Where it raises, and
    where what it returns is no such number, there is no answer."""

    kind: Literal["function"]
    function: str = Field(pattern=r"^[\w.]+:\w+$")
    """`module:name`, of a module that Python finds."""
    version: str = ""
    """To be changed with the function: what it answered before is then asked for anew."""


class ServiceRewardSettings(_PartSettings):
    """A service of your own: what is posted to `address`/grade is {"prompt", "thought", "picture"
    (PNG, base64), "facts"}, what it answers {"grade": 0.7}."""

    kind: Literal["service"]
    address: str = Field(pattern=r"^https?://")
    seconds: float = Field(default=60.0, gt=0)
    """How long an answer is waited for."""
    attempts: int = Field(default=3, ge=1)
    wait: float = Field(default=1.0, ge=0)
    """Seconds before the second attempt; twice as many before each further one."""
    at_once: int = Field(default=8, ge=1)
    version: str = ""


class JudgeRewardSettings(_PartSettings):
    """A vision-language model behind an endpoint, asked how much of the prompt a picture shows, from 0 to
    10."""

    kind: Literal["judge"]
    endpoint: EndpointSettings
    max_cost: float | None = Field(default=None, ge=0)
    max_requests: int | None = Field(default=None, ge=0)
    max_tokens: int = Field(default=300, ge=1)


class VqaRewardSettings(_PartSettings):
    """VQAScore: how likely CLIP-FlanT5 says that the picture shows the prompt."""

    kind: Literal["vqascore"]
    model: str | None = None
    device: str | None = None


class GenevalRewardSettings(_PartSettings):
    """GenEval's scorer, a detector and CLIP: 1 for a picture that it calls correct, below one half for
    another. Prompts are lines of GenEval's form: what has to be in the picture is in their other keys."""

    kind: Literal["geneval"]
    detector: str | None = None
    clip: str | None = None
    device: str | None = None


RewardSettings = Annotated[
    SceneRewardSettings
    | FunctionRewardSettings
    | ServiceRewardSettings
    | JudgeRewardSettings
    | VqaRewardSettings
    | GenevalRewardSettings,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, eq=False)
class GradedPicture:
    """A picture that is to be graded: `picture.open()` gives it as an image."""

    prompt: str
    picture: Picture
    thought: str = ""
    """The text that led to it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is known of the prompt."""


@dataclass(frozen=True)
class NoGrade:
    """Why there is none."""

    reason: str
    detail: str = ""


Grade = float | NoGrade


class RewardPart(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that decides on its grades, as JSON."""
        ...

    def __call__(self, pictures: Sequence[GradedPicture], /) -> Sequence[Grade]:
        """A grade for each picture, or why there is none."""
        ...


class GradesLostError(OSError):
    """So few pictures were graded that nothing can be learned: services are away, or answer nonsense."""


@dataclass(frozen=True)
class WeighedPart:
    part: RewardPart
    weight: float


class Rewards:
    """The parts together. `grades` are means over them, by weight; what any part gives no answer about has
    none, and is counted by part and reason."""

    def __init__(self, parts: Sequence[WeighedPart], kept: Path) -> None:
        self.parts, self.kept = tuple(parts), kept
        self.unanswered: Counter[str] = Counter()
        """By part and reason, so far."""

    def __call__(self, pictures: Sequence[GradedPicture]) -> list[float | None]:
        """The grade of each picture."""
        by_part = [self._graded(one.part, pictures) for one in self.parts]
        total = sum(one.weight for one in self.parts)
        grades: list[float | None] = []
        for own in zip(*by_part, strict=True):
            known = [grade for grade in own if not isinstance(grade, NoGrade)]
            whole = sum(one.weight * grade for one, grade in zip(self.parts, known, strict=False))
            grades.append(whole / total if len(known) == len(own) else None)
        return grades

    def account(self) -> dict[str, dict[str, float]]:
        """Of each part: pictures asked about, known already, without an answer, and seconds."""
        with self._opened() as known:
            rows = known.execute("SELECT part, asked, known, unanswered, seconds FROM account ORDER BY part")
            names = ("asked", "known", "unanswered", "seconds")
            return {part: dict(zip(names, numbers, strict=True)) for part, *numbers in rows}

    def _graded(self, part: RewardPart, pictures: Sequence[GradedPicture]) -> list[Grade]:
        identity = dict(part.identity)
        keys = [_key(identity, one) for one in pictures]
        with self._opened() as known:
            found = {key: grade for key in keys if (grade := _known(known, key)) is not None}
        missing = [row for row, key in enumerate(keys) if key not in found]
        started = time.perf_counter()
        given = [checked(one) for one in part([pictures[row] for row in missing])] if missing else []
        seconds = time.perf_counter() - started
        fresh = {keys[row]: grade for row, grade in zip(missing, given, strict=True)}
        unanswered = [grade for grade in given if isinstance(grade, NoGrade)]
        self.unanswered.update(f"{part.name}: {grade.reason}" for grade in unanswered)
        counts = (len(missing), len(pictures) - len(missing), len(unanswered), seconds)
        with self._opened() as known, known:
            rows = [(key, grade) for key, grade in fresh.items() if not isinstance(grade, NoGrade)]
            known.executemany("INSERT OR IGNORE INTO grades VALUES (?, ?)", rows)
            known.execute("INSERT OR IGNORE INTO account VALUES (?, 0, 0, 0, 0)", (part.name,))
            known.execute(
                "UPDATE account SET asked = asked + ?, known = known + ?, unanswered = unanswered + ?, "
                "seconds = seconds + ? WHERE part = ?",
                (*counts, part.name),
            )
        return [found[key] if key in found else fresh[key] for key in keys]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.kept, timeout=60)) as known:
            known.execute("CREATE TABLE IF NOT EXISTS grades (key TEXT PRIMARY KEY, grade REAL NOT NULL)")
            known.execute(
                "CREATE TABLE IF NOT EXISTS account "
                "(part TEXT PRIMARY KEY, asked INTEGER, known INTEGER, unanswered INTEGER, seconds REAL)"
            )
            yield known


def _key(identity: dict[str, Any], shown: GradedPicture) -> str:
    return digest_of(identity, shown.prompt, shown.thought, shown.picture.digest, dict(shown.facts))


def _known(known: sqlite3.Connection, key: str) -> float | None:
    row = known.execute("SELECT grade FROM grades WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def checked(grade: Any) -> Grade:
    """What somebody said, if it is a number from 0 to 1; anything else is no answer."""
    if isinstance(grade, NoGrade):
        return grade
    number = float(grade) if isinstance(grade, Real) and not isinstance(grade, bool) else math.nan
    if 0 <= number <= 1:
        return number
    return NoGrade("not a grade", f"{shown(grade)}, expected a number from 0 to 1")
