"""Places for all objects of a request at once, so that its relations hold and nothing else overlaps.

For each relation between places a line is drawn at random, and the two groups stay on their sides of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from irg.world2.matching import MARGIN
from irg.world2.overlap import stackings
from irg.world2.placing import Region, placed, slid_under, stacked
from irg.world2.request import Link, Request, SpatialRelation
from irg.world2.scene import IMAGE_SIZE, SIZES, Looks, SceneObject

_HALF_MARGIN = MARGIN / 2 + 1  # to either side of a line, a little more than must be
_WIDEST = (18.0, IMAGE_SIZE - 18.0)  # where lines are drawn
_SPREAD = 14.0
_ROOM_FOR_PARTNER = 4.0  # that an object keeps from its bounds if another is to lie on it


@dataclass(frozen=True)
class Wanted:
    """An object that a group asks for: of what kind, and the object itself where it stays as it is."""

    group: int
    kind: Looks
    thing: SceneObject | None = None


def arranged(
    request: Request, wanted: Sequence[Wanted], rng: Generator, num_tries: int
) -> tuple[SceneObject, ...] | None:
    """An object for each that is wanted, those that stay among them; None if no places were found."""
    if not can_stay(request, wanted):
        return None
    for _ in range(num_tries):
        bounds = _bounds(request, wanted, rng)
        found = _placed_in_turn(request, wanted, bounds, rng)
        if found is not None:
            return found
    return None


def can_stay(request: Request, wanted: Sequence[Wanted]) -> bool:
    """Whether no relation is broken by objects that stay."""
    for link in request.links:
        first, second = (_staying(wanted, group) for group in (link.first, link.second))
        if link.relation.overlap:
            lower, upper = (_staying(wanted, group) for group in reversed(link.layers))
            if upper and lower and not _is_stacked(link, upper[0], lower[0]):
                return False
        elif first and second:
            low, high = _limits(link, first, second)
            if high - low < MARGIN:
                return False
    return True


def _is_stacked(link: Link, upper: SceneObject, lower: SceneObject) -> bool:
    return any(one.overlap is link.relation.overlap and one.upper == 0 for one in stackings((upper, lower)))


def _staying(wanted: Sequence[Wanted], group: int) -> list[SceneObject]:
    return [one.thing for one in wanted if one.group == group and one.thing is not None]


def _limits(link: Link, first: Sequence[SceneObject], second: Sequence[SceneObject]) -> tuple[float, float]:
    """How far objects that stay reach from the lower and from the upper side of a link's line."""
    lower, upper = (second, first) if link.relation in _DOWNWARD else (first, second)
    horizontal = link.relation in _HORIZONTAL
    low = max((thing.pose.x if horizontal else thing.pose.y for thing in lower), default=float("-inf"))
    high = min((thing.pose.x if horizontal else thing.pose.y for thing in upper), default=float("inf"))
    return low, high


_HORIZONTAL = (SpatialRelation.LEFT, SpatialRelation.RIGHT)
_DOWNWARD = (SpatialRelation.RIGHT, SpatialRelation.BELOW)  # the first group has the greater coordinate


def _bounds(request: Request, wanted: Sequence[Wanted], rng: Generator) -> list[Region]:
    """Where each group's new objects may be: on their sides of a random line for each relation."""
    bounds = [Region() for _ in request.groups]
    for link in request.links:
        if link.relation.overlap:
            continue
        first, second = (_staying(wanted, group) for group in (link.first, link.second))
        lower, upper = (link.second, link.first) if link.relation in _DOWNWARD else (link.first, link.second)
        horizontal = link.relation in _HORIZONTAL
        line = _line(link, first, second, _share(request, wanted, lower, upper, horizontal), rng)
        before, after = line - _HALF_MARGIN, line + _HALF_MARGIN
        sides = (
            (Region(right=before), Region(left=after))
            if horizontal
            else (Region(bottom=before), Region(top=after))
        )
        for group, side in zip((lower, upper), sides, strict=True):
            bounds[group] = bounds[group].within(side)
    return bounds


def _line(
    link: Link, first: Sequence[SceneObject], second: Sequence[SceneObject], share: float, rng: Generator
) -> float:
    low, high = _limits(link, first, second)
    middle = _WIDEST[0] + share * (_WIDEST[1] - _WIDEST[0])
    start, end = max(low + _HALF_MARGIN, middle - _SPREAD), min(high - _HALF_MARGIN, middle + _SPREAD)
    if start <= end:
        return float(rng.uniform(start, end))
    if low + _HALF_MARGIN > high - _HALF_MARGIN:
        return (low + high) / 2
    return low + _HALF_MARGIN if start > middle else high - _HALF_MARGIN


def _share(request: Request, wanted: Sequence[Wanted], lower: int, upper: int, horizontal: bool) -> float:
    """The share of the room that objects on the lower side of a line need, those still beyond included."""
    sides = {lower: {lower}, upper: {upper}}
    for link in request.links:
        if link.relation.overlap is None and (link.relation in _HORIZONTAL) == horizontal:
            low, high = (link.second, link.first) if link.relation in _DOWNWARD else (link.first, link.second)
            if high == lower:
                sides[lower].add(low)
            if low == upper:
                sides[upper].add(high)
    num_lower, num_upper = (sum(one.group in sides[side] for one in wanted) + 1 for side in (lower, upper))
    return num_lower / (num_lower + num_upper)


def _placed_in_turn(
    request: Request, wanted: Sequence[Wanted], bounds: Sequence[Region], rng: Generator
) -> tuple[SceneObject, ...] | None:
    found: dict[int, SceneObject] = {i: one.thing for i, one in enumerate(wanted) if one.thing is not None}
    carried = {link.layers[0] for link in request.links if link.relation.overlap}

    def turn(index: int) -> tuple[bool, int, float]:
        """What carries others comes before what it carries, and the large before the small."""
        size = wanted[index].kind.size
        assert size is not None
        return wanted[index].group in carried, -SIZES.index(size), rng.random()

    for index in sorted((i for i in range(len(wanted)) if i not in found), key=turn):
        thing = _placed_one(request, wanted, index, found, bounds[wanted[index].group], rng)
        if thing is None:
            return None
        found[index] = thing
    return tuple(found[index] for index in range(len(wanted)))


def _placed_one(
    request: Request,
    wanted: Sequence[Wanted],
    index: int,
    found: Mapping[int, SceneObject],
    bounds: Region,
    rng: Generator,
) -> SceneObject | None:
    """A place for one object among those found: on or under its partner, if that is there already."""
    one, taken = wanted[index], list(found.values())
    link = next((link for link in request.links if link.relation.overlap and one.group in link.layers), None)
    if link is None or link.relation.overlap is None:
        return placed(one.kind, taken, bounds, rng)
    upper_group, lower_group = link.layers
    other_group = lower_group if one.group == upper_group else upper_group
    partner = next((thing for i, thing in found.items() if wanted[i].group == other_group), None)
    if partner is None:
        return placed(one.kind, taken, bounds.shrunk(_ROOM_FOR_PARTNER), rng)
    others = [other for other in taken if other is not partner]
    on_or_under = stacked if one.group == upper_group else slid_under
    return on_or_under(link.relation.overlap, one.kind, partner, others, bounds, rng)
