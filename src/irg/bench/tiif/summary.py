"""TIIF's scores of one turn, from the answers of its judge: short and long prompts have one each.

Numbers are those of the official table, which is made of four decimals. A type without any answer is left out
of its group, as there, and the report is incomplete then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from irg.bench.figures import weighted_figure
from irg.bench.items import Item
from irg.bench.protocol import Figure, Hearings, Sample, Summarise, Summary, missing_pictures
from irg.bench.tiif.groups import NINE, PARTS, TYPES, Cell, group, overall

ANSWERS = "answers"
"""The one question about a picture: all that is asked of it."""


@dataclass(frozen=True)
class _Table:
    """What was answered about the prompts of one length."""

    length: str
    items: Sequence[Item]
    given: Mapping[str, Sequence[str]]
    """By item the answers, for those that have any."""

    @cached_property
    def by_type(self) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {kind: [] for kind in TYPES}
        for item in self.items:
            found[item.facts["type"]].append(item)
        return found

    @cached_property
    def answered(self) -> dict[str, list[tuple[Item, Cell]]]:
        """By type the items that have answers, each with how many agree."""
        return {
            kind: [
                (item, Cell.of([(item.facts["answers"], self.given[item.id])]))
                for item in items
                if item.id in self.given
            ]
            for kind, items in self.by_type.items()
        }

    @cached_property
    def cells(self) -> dict[tuple[str, str], Cell]:
        return {
            (kind, self.length): sum((cell for _, cell in some), Cell())
            for kind, some in self.answered.items()
        }

    @cached_property
    def samples(self) -> dict[str, list[Sample]]:
        """By type a value for each picture, such that a type's mean over pictures is its accuracy over
        questions."""
        found = {}
        for kind, some in self.answered.items():
            share = len(some) / (self.cells[kind, self.length].total or 1)
            found[kind] = [Sample(item.id, 0, kind, share * cell.right) for item, cell in some]
        return {kind: some for kind, some in found.items() if some}

    def figure(self, name: str, kinds: Sequence[str]) -> Figure:
        """The mean of some types, with its interval."""
        ours = {kind: self.samples[kind] for kind in kinds if kind in self.samples}
        weights = dict.fromkeys(ours, 1 / len(ours)) if ours else {}
        found = weighted_figure(name, ours, weights, sum(len(self.by_type[kind]) for kind in kinds))
        return replace(found, value=group(self.cells, kinds, self.length))


def summary(length: str) -> Summarise:
    """The variant of one length."""

    def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
        ours = [item for item in items if item.facts["length"] == length]
        rows = {item.id: heard[item.id].ok(0) for item in ours if item.id in heard}
        given = {name: some[ANSWERS].evidence["answers"] for name, some in rows.items() if ANSWERS in some}
        table = _Table(length, ours, given)
        samples, cells = table.samples, table.cells
        weights = nine_weights(samples)
        headline = weighted_figure(length, samples, weights, len(ours))
        parts = {
            f"{name}, by types": [kind for kinds in groups.values() for kind in kinds]
            for name, groups in PARTS.items()
        }
        groups = {name: list(kinds) for name, kinds in NINE.items()} | parts
        asked = sum(len(item.facts["questions"]) for item in ours)
        total = sum(cell.total for cell in cells.values())
        answered = Figure("questions answered", total / asked if asked else None, total, asked)
        return Summary(
            length,
            replace(headline, value=overall(cells, length)),
            (*(table.figure(name, kinds) for name, kinds in groups.items()), answered),
            missing_pictures(ours, heard),
            tuple(chain.from_iterable(samples.values())),
            weights,
        )

    return summarise


def nine_weights(present: Collection[str]) -> dict[str, float]:
    """The weight of each type that there is: the same for all groups, and for all types of a group."""
    groups = [some for kinds in NINE.values() if (some := [kind for kind in kinds if kind in present])]
    return {kind: 1 / len(groups) / len(some) for some in groups for kind in some}
