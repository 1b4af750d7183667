"""A picture beside its request, line by line: what serves each part, what is extra, and what would be better.

Each part of the request has numbered slots, in each the object that serves it beside the words asked for,
and the verdict behind a colon. Relations show the places of the objects that decide them, comparisons both
counts.

    Seen: top-left small plain red star, sky.
    two red stars: one: top-left small plain red star, red star: right. two: nothing, red star: missing.
    Extra: nothing.
    Better: top-left small plain red star, right small plain red star, sky.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irg.world2.inventory import (
    NOTHING,
    UNCLEAR,
    Listed,
    SceneInventory,
    kind_words,
    listing,
    take_inventory,
)
from irg.world2.matching import (
    Seating,
    assignments,
    deciding_pair,
    fulfils,
    link_holds,
    wrong_attributes,
)
from irg.world2.overlap import stackings
from irg.world2.reading import Reading
from irg.world2.request import CountOrder, Group, Request, SpatialRelation
from irg.world2.scene import Looks, Scene, Zone
from irg.world2.wording import NUMBER_WORDS

RIGHT, WRONG, MISSING = "right", "wrong", "missing"


@dataclass(frozen=True)
class Slot:
    """One object asked for, what serves as it, and in what that is wrong; nothing wrong is right."""

    seen: Listed | None
    wrong: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        if self.seen is None:
            return MISSING
        flaws = [*self.wrong, *([] if self.seen.clear else [UNCLEAR])]
        return " and ".join(flaws).replace("colour", "color") or RIGHT


@dataclass(frozen=True)
class Part:
    """A group of the request and its slots; of an open count, one slot for each object that belongs to it."""

    group: Group
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class RelationLine:
    """A relation between two groups and where the objects are that decide it; None where there is none."""

    relation: SpatialRelation
    first: Group
    second: Group
    zones: tuple[Zone | None, Zone | None]
    holds: bool


@dataclass(frozen=True)
class ComparisonLine:
    order: CountOrder
    first: Looks
    second: Looks
    counts: tuple[int, int]

    @property
    def holds(self) -> bool:
        return min(self.counts) > 0 and self.order.holds(*self.counts)


@dataclass(frozen=True)
class AbsenceLine:
    """What is excluded, and how much of it is there."""

    excluded: Looks
    count: int


@dataclass(frozen=True)
class Check:
    """A picture beside its request; `better` is what it should show instead, None if nothing."""

    seen: SceneInventory
    parts: tuple[Part, ...]
    extras: tuple[Listed, ...]
    relations: tuple[RelationLine, ...]
    comparison: ComparisonLine | None
    absences: tuple[AbsenceLine, ...]
    better: SceneInventory | None

    @property
    def finds_nothing_wrong(self) -> bool:
        return (
            all(slot.verdict == RIGHT for part in self.parts for slot in part.slots)
            and not self.extras
            and all(line.holds for line in self.relations)
            and (self.comparison is None or self.comparison.holds)
            and not any(line.count for line in self.absences)
        )


def check(request: Request, reading: Reading, target: Scene) -> Check:
    """The check of a picture; the target is the mended scene, or the one seen if that is right."""
    scene, unclear = reading.scene, reading.unclear
    doubtful = {index for index, thing in enumerate(scene.objects) if any(thing is one for one in unclear)}
    seen = take_inventory(scene, unclear)
    seating = assignments(request, scene.objects, doubtful)
    right = reading.is_clean and fulfils(scene, request)
    return Check(
        seen,
        tuple(_part(request, index, seating, seen, scene) for index in range(len(request.groups))),
        tuple(seen.objects[index] for index in seating.extras),
        _relation_lines(request, seating, scene),
        _comparison_line(request, seating),
        tuple(
            AbsenceLine(kind, sum(kind.matches(thing.kind) for thing in scene.objects))
            for kind in request.excluded
        ),
        None if right else in_named_order(request, target),
    )


def in_named_order(request: Request, scene: Scene) -> SceneInventory:
    """The objects of a scene in words, group by group as the request names them."""
    seating = assignments(request, scene.objects)
    order = [seat.index for seat in seating.seats if seat.index is not None]
    return take_inventory(scene, order=[*order, *seating.extras])


def check_text(found: Check) -> str:
    sentences = [f"Seen: {found.seen.text}."]
    for part in found.parts:
        for number, slot in enumerate(part.slots, start=1):
            head = f"{part_words(part.group)}: " if number == 1 else ""
            seen = NOTHING if slot.seen is None else slot.seen.text
            asked = kind_words(part.group.kind)
            sentences.append(f"{head}{NUMBER_WORDS[number]}: {seen}, {asked}: {slot.verdict}.")
    sentences.append(f"Extra: {listing(found.extras)}.")
    sentences += [_relation_text(line) for line in found.relations]
    if found.comparison is not None:
        sentences.append(_comparison_text(found.comparison))
    sentences += [_absence_text(line) for line in found.absences]
    sentences.append(f"Better: {NOTHING if found.better is None else found.better.text}.")
    return " ".join(sentences)


def part_words(group: Group) -> str:
    """ "two red stars", or "red stars" of an open count."""
    if group.count is None:
        return kind_words(group.kind, plural=True)
    return f"{NUMBER_WORDS[group.count]} {kind_words(group.kind, group.count > 1)}"


def comparison_words(order: CountOrder, first: Looks, second: Looks) -> str:
    link = "as" if order is CountOrder.EQUAL else "than"
    return f"{order} {kind_words(first, plural=True)} {link} {kind_words(second, plural=True)}"


def absence_words(kind: Looks) -> str:
    if kind.shape is not None:
        return f"no {kind.shape.plural}"
    (word,) = kind.attributes.values()
    return f"nothing {word}"


def _part(request: Request, index: int, seating: Seating, seen: SceneInventory, scene: Scene) -> Part:
    group = request.groups[index]
    slots = []
    for seat in seating.seats:
        if seat.group != index:
            continue
        if seat.index is None:
            slots.append(Slot(None))
        else:
            wrong = wrong_attributes(request, group, scene.objects[seat.index])
            slots.append(Slot(seen.objects[seat.index], wrong))
    return Part(group, tuple(slots) or (Slot(None),))


def _relation_lines(request: Request, seating: Seating, scene: Scene) -> tuple[RelationLine, ...]:
    found = stackings(scene.objects)
    lines = []
    for link in request.links:
        first, second = seating.of(link.first), seating.of(link.second)
        holds = link_holds(link, scene.objects, first, second, found)
        zones: Sequence[Zone | None]
        if first and second:
            zones = [
                scene.objects[i].zone for i in deciding_pair(link.relation, scene.objects, first, second)
            ]
        else:
            zones = [scene.objects[one[0]].zone if one else None for one in (first, second)]
        groups = request.groups[link.first], request.groups[link.second]
        lines.append(RelationLine(link.relation, *groups, (zones[0], zones[1]), holds))
    return tuple(lines)


def _comparison_line(request: Request, seating: Seating) -> ComparisonLine | None:
    if request.comparison is None:
        return None
    last = len(request.groups) - 1
    counts = len(seating.of(last - 1)), len(seating.of(last))
    return ComparisonLine(request.comparison, request.groups[-2].kind, request.groups[-1].kind, counts)


def _relation_text(line: RelationLine) -> str:
    first, second = (kind_words(group.kind, group.count != 1) for group in (line.first, line.second))
    zones = ", ".join(NOTHING if zone is None else zone.value for zone in line.zones)
    return f"{first} {line.relation} {second}: {zones}: {_verdict(line)}."


def _verdict(line: RelationLine) -> str:
    return MISSING if None in line.zones else RIGHT if line.holds else WRONG


def _comparison_text(line: ComparisonLine) -> str:
    words = comparison_words(line.order, line.first, line.second)
    counts = ", ".join(NUMBER_WORDS[count] for count in line.counts)
    return f"{words}: {counts}: {RIGHT if line.holds else WRONG}."


def _absence_text(line: AbsenceLine) -> str:
    return f"{absence_words(line.excluded)}: {NUMBER_WORDS[line.count]}: {WRONG if line.count else RIGHT}."
