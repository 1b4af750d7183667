"""What a turn changed: of what was wrong before how much it mended, of what was right how much it broke.

Where a protocol knows no right and wrong, a picture that is worth more counts as better, and one that is
worth less as worse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from irg.bench.intervals import wilson
from irg.bench.protocol import Sample, Summary


class TurnChange(StrEnum):
    """What became of a picture from one turn to another."""

    MENDED = "mended"
    BROKEN = "broken"
    STILL_WRONG = "still wrong"
    RIGHT = "right before and after"
    BETTER = "better"
    WORSE = "worse"
    SAME = "as good as before"


@dataclass(frozen=True)
class Rate:
    """So many of so many, with the 95% Wilson interval of the share."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.count, self.of)


@dataclass(frozen=True)
class Changes:
    """From one turn to another, of the samples that both have. Where there is no right and wrong, `repaired`
    are those that got better and `damaged` those that got worse, each of all."""

    before: str
    after: str
    repaired: Rate
    damaged: Rate
    is_graded: bool


@dataclass(frozen=True)
class Pair:
    """A sample before and after."""

    before: Sample
    after: Sample

    @property
    def gain(self) -> float:
        return self.after.value - self.before.value

    @property
    def change(self) -> TurnChange:
        was, now = self.before.right, self.after.right
        if was is None or now is None:
            return (
                TurnChange.BETTER if self.gain > 0 else TurnChange.WORSE if self.gain < 0 else TurnChange.SAME
            )
        if was:
            return TurnChange.RIGHT if now else TurnChange.BROKEN
        return TurnChange.MENDED if now else TurnChange.STILL_WRONG


def pairs_of(before: Summary, after: Summary) -> Iterator[Pair]:
    """The samples that both have, in the order of the first."""
    later = {(one.item, one.picture, one.category): one for one in after.samples}
    for sample in before.samples:
        if (found := later.get((sample.item, sample.picture, sample.category))) is not None:
            yield Pair(sample, found)


def changes_of(before: tuple[str, Summary], after: tuple[str, Summary]) -> Changes:
    """From the first, named, summary to the second."""
    pairs = list(pairs_of(before[1], after[1]))
    found = [pair.change for pair in pairs]
    is_graded = any(pair.before.right is None or pair.after.right is None for pair in pairs)
    if is_graded:
        rates = (
            Rate(found.count(TurnChange.BETTER), len(found)),
            Rate(found.count(TurnChange.WORSE), len(found)),
        )
    else:
        rates = (
            _rate(found, TurnChange.MENDED, TurnChange.STILL_WRONG),
            _rate(found, TurnChange.BROKEN, TurnChange.RIGHT),
        )
    return Changes(before[0], after[0], *rates, is_graded)


def _rate(found: Sequence[TurnChange], counted: TurnChange, other: TurnChange) -> Rate:
    return Rate(found.count(counted), found.count(counted) + found.count(other))
