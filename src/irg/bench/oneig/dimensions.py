"""OneIG's five dimensions: which items each is about, which rows, and what these say of a picture."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from irg.bench.items import Item
from irg.bench.oneig.items import questions_of
from irg.bench.oneig.judge import ALIGNMENT, DIVERSITY, REASONING, STYLE, TEXT
from irg.bench.oneig.official import IMPORTED, MeanLettering
from irg.bench.oneig.reading import Lettering
from irg.bench.oneig.scores import diversity_score, style_score
from irg.bench.protocol import NOT_DRAWN, EvidenceRow, Hearing, Hearings

Rows = Mapping[str, EvidenceRow]


@dataclass(frozen=True)
class Dimension:
    """The items that it is about, what the questions of its rows begin with, and what the rows of a picture
    are worth: a number, or for the text that was read a `Lettering`.

    `divided_by` are the facts by which the official finer table divides it.
    """

    name: str
    begins: str
    applies: Callable[[Item], bool]
    value: Callable[[Item, Rows], Any]
    divided_by: tuple[str, ...] = ()
    together: bool = False
    """Its rows are about all pictures of an item."""

    def found(self, item: Item, hearing: Hearing | None) -> tuple[list[Any], list[str]]:
        """What an item's pictures are worth, and why others have no value."""
        if (imported := self._imported(item, hearing)) is not None:
            return imported
        values, reasons = [], []
        for number in (None,) if self.together else range(len(item.seeds)):
            rows = self._rows(hearing, number)
            if isinstance(rows, str):
                reasons.append(rows)
            else:
                values.append(self.value(item, rows))
        return values, reasons

    def _imported(self, item: Item, hearing: Hearing | None) -> tuple[list[Any], list[str]] | None:
        """What the official code says of all pictures of an item together, as if it had said it of each."""
        rows = [row for row in hearing.rows if row.question == f"{IMPORTED}{self.name}"] if hearing else []
        if hearing is None or not rows:
            return None
        absent = [] if self.together else sorted({*range(len(item.seeds))} - {*hearing.shown})
        reasons = [hearing.absent.get(number, NOT_DRAWN) for number in absent]
        evidence = rows[0].evidence
        if self.name != "text":
            return [evidence["score"]], reasons
        words = Lettering.of(item.facts["text"], "").words
        text = MeanLettering(evidence["ED"], evidence["CR"], evidence["WAC"], words)
        return [text] * len(hearing.shown), reasons

    def _rows(self, hearing: Hearing | None, number: int | None) -> Rows | str:
        """The rows about a picture, or why there are none."""
        if hearing is None:
            return NOT_DRAWN
        if number is not None and number not in hearing.shown:
            return hearing.absent.get(number, NOT_DRAWN)
        if number is None and len(hearing.shown) < 2:
            return "fewer than two pictures"
        rows = [row for row in hearing.rows if row.picture == number and row.question.startswith(self.begins)]
        failed = [fault for row in rows if (fault := row.fault) is not None]
        return failed[0] if failed else {row.question: row for row in rows} if rows else "not judged"


@dataclass(frozen=True)
class PromptValues:
    """What was found of a dimension: its items, by item the values of its pictures, and what is missing."""

    dimension: Dimension
    items: Sequence[Item]
    values: Mapping[str, Sequence[Any]]
    missing: Mapping[str, int]

    @classmethod
    def of(cls, dimension: Dimension, items: Sequence[Item], heard: Hearings) -> "PromptValues":
        ours = [item for item in items if dimension.applies(item)]
        missing: Counter[str] = Counter()
        values = {}
        for item in ours:
            found, reasons = dimension.found(item, heard.get(item.id))
            missing.update(reasons)
            if found:
                values[item.id] = found
        return cls(dimension, ours, values, dict(missing))

    @property
    def parts(self) -> dict[str, list[Item]]:
        """The items as the finer table divides them."""
        found: dict[str, list[Item]] = {}
        for fact in self.dimension.divided_by:
            for item in self.items:
                if fact in item.facts:
                    found.setdefault(f"{self.dimension.name}: {item.facts[fact]}", []).append(item)
        return found


def _aligned(item: Item, rows: Rows) -> float:
    asked = questions_of(item)
    assert asked is not None, f"{item.id} has no questions"
    answers = {int(name.removeprefix(ALIGNMENT)): row.evidence["answer"] for name, row in rows.items()}
    return asked.score(answers)


def _styled(item: Item, rows: Rows) -> float:
    return style_score(rows[STYLE].evidence.values())


def _diverse(item: Item, rows: Rows) -> float:
    score = diversity_score([distance for _, _, distance in rows[DIVERSITY].evidence["distances"]])
    assert score is not None, "two pictures have a distance"
    return score


FIVE = (
    Dimension(
        "alignment", ALIGNMENT, lambda item: "question" in item.facts, _aligned, ("class", "type", "length")
    ),
    Dimension(
        "text",
        TEXT,
        lambda item: "text" in item.facts,
        lambda item, rows: Lettering.of(item.facts["text"], rows[TEXT].evidence["answer"]),
        ("length",),
    ),
    Dimension(
        "reasoning",
        REASONING,
        lambda item: "answer" in item.facts,
        lambda item, rows: rows[REASONING].evidence["similarity"],
        ("subject",),
    ),
    Dimension("style", STYLE, lambda item: "style" in item.facts, _styled, ("style",)),
    Dimension(
        "diversity", DIVERSITY, lambda item: True, _diverse, ("class", "type", "length"), together=True
    ),
)
"""In the order of `DIMENSIONS`."""
