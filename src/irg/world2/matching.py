"""Which object serves which part of a request, and whether a scene is exactly what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from irg.world2.overlap import Stacking, stackings
from irg.world2.request import Group, Link, Request, SpatialRelation
from irg.world2.scene import ATTRIBUTES, Scene, SceneObject

MARGIN = 6.0  # pixels by which one centre lies left of, or above, another at least

_EXACT, _DOUBTFUL, _EMPTY = (
    -100.0,
    -50.0,
    6.0,
)  # costs of a seat taken by the right object, an unclear one, none


@dataclass(frozen=True)
class Seat:
    """One object that a group asks for, and the index of the seen one that serves as it, if there is any."""

    group: int
    index: int | None


@dataclass(frozen=True)
class Seating:
    """Every seat of a request, group by group, and the indices of the objects that have none."""

    seats: tuple[Seat, ...]
    extras: tuple[int, ...]

    def of(self, group: int) -> tuple[int, ...]:
        """The indices of the objects that serve a group."""
        return tuple(seat.index for seat in self.seats if seat.group == group and seat.index is not None)


def fulfils(scene: Scene, request: Request) -> bool:
    """Whether the scene is exactly what was asked for. Overlaps that were not asked for do not count."""
    objects = scene.objects
    members = exact_members(request, objects)
    if sum(map(len, members)) < len(objects):
        return False
    for group, indices in zip(request.groups, members, strict=True):
        if not indices or (group.count is not None and len(indices) != group.count):
            return False
    if request.comparison and not request.comparison.holds(len(members[-2]), len(members[-1])):
        return False
    found = stackings(objects)
    return all(
        link_holds(link, objects, members[link.first], members[link.second], found) for link in request.links
    )


def exact_members(request: Request, objects: Sequence[SceneObject]) -> tuple[tuple[int, ...], ...]:
    """For each group, the indices of the objects that are just what it asks for, each of one at most."""
    return tuple(
        tuple(index for index, thing in enumerate(objects) if not wrong_attributes(request, group, thing))
        for group in request.groups
    )


def wrong_attributes(request: Request, group: Group, thing: SceneObject) -> tuple[str, ...]:
    """The names of the attributes that keep an object from being what a group asks for."""
    differing = set(group.kind.differences(thing.kind))
    for excluded in request.excluded:
        if excluded.matches(thing.kind):
            differing |= set(excluded.attributes)
    return tuple(name for name in ATTRIBUTES if name in differing)


def link_holds(
    link: Link,
    objects: Sequence[SceneObject],
    first: Collection[int],
    second: Collection[int],
    found: Collection[Stacking],
) -> bool:
    """Whether a relation holds between objects at some indices; `found` is what overlaps of them all."""
    if not first or not second:
        return False
    if link.relation.overlap:
        upper, lower = (second, first) if link.relation is SpatialRelation.BEHIND else (first, second)
        pairs = {(one.upper, one.lower) for one in found if one.overlap is link.relation.overlap}
        return all((i, j) in pairs for i in upper for j in lower)
    i, j = deciding_pair(link.relation, objects, first, second)
    return lead(link.relation, objects[i], objects[j]) >= MARGIN


def deciding_pair(
    relation: SpatialRelation, objects: Sequence[SceneObject], first: Collection[int], second: Collection[int]
) -> tuple[int, int]:
    """The objects of two groups for which a relation between places holds least."""
    return min(
        ((i, j) for i in first for j in second),
        key=lambda pair: lead(relation, objects[pair[0]], objects[pair[1]]),
    )


def lead(relation: SpatialRelation, first: SceneObject, second: SceneObject) -> float:
    """How many pixels farther in a relation's direction the first centre lies; of layers, how much nearer."""
    if relation is SpatialRelation.LEFT:
        return second.pose.x - first.pose.x
    if relation is SpatialRelation.RIGHT:
        return first.pose.x - second.pose.x
    if relation is SpatialRelation.ABOVE:
        return second.pose.y - first.pose.y
    if relation is SpatialRelation.BELOW:
        return first.pose.y - second.pose.y
    return -abs(first.pose.x - second.pose.x) - abs(first.pose.y - second.pose.y)


def assignments(request: Request, objects: Sequence[SceneObject], unclear: Collection[int] = ()) -> Seating:
    """The seat of each object: as many right ones as can be, then those that differ least.

    Of more right objects than seats those serve for which relations hold. Only objects that are just right
    serve a group of an open count. Unclear objects (by index) are taken where no clear one is right.
    """
    open_members = exact_members(request, objects)
    open_groups = [index for index, group in enumerate(request.groups) if group.count is None]
    taken = {index for group in open_groups for index in open_members[group]}
    rest = [index for index in range(len(objects)) if index not in taken]
    places = [index for index, group in enumerate(request.groups) for _ in range(group.count or 0)]
    costs = [[_cost(request, place, objects[i], i in unclear) for i in rest] for place in places]
    chosen = [None if column is None else rest[column] for column in cheapest(costs, _EMPTY)]
    chosen = _related(request, objects, places, chosen)
    seats = [Seat(place, index) for place, index in zip(places, chosen, strict=True)]
    seats += [Seat(group, index) for group in open_groups for index in open_members[group]]

    def order(seat: Seat) -> tuple[int, int, int]:
        if seat.index is None:
            return seat.group, 9, 0
        wrong = wrong_attributes(request, request.groups[seat.group], objects[seat.index])
        return seat.group, bool(wrong), seat.index

    seated = {seat.index for seat in seats}
    extras = tuple(index for index in range(len(objects)) if index not in seated)
    return Seating(tuple(sorted(seats, key=order)), extras)


def cheapest(costs: Sequence[Sequence[float]], empty: float) -> list[int | None]:
    """For each row the column it is given, no column twice, at the least total cost; None costs `empty`.

    The Hungarian method: rows join one at a time, each by the cheapest chain of exchanges.
    """
    num_rows = len(costs)
    wide = [[*row, *[empty] * num_rows] for row in costs]
    num_columns = len(wide[0]) if wide else 0
    row_prices, column_prices = [0.0] * (num_rows + 1), [0.0] * (num_columns + 1)
    owner = [0] * (num_columns + 1)  # rows and columns count from 1; 0 is no one
    for row in range(1, num_rows + 1):
        owner[0] = row
        least, previous, done = [float("inf")] * (num_columns + 1), [0] * (num_columns + 1), set[int]()
        column = 0
        while owner[column]:
            done.add(column)
            current, step, following = owner[column], float("inf"), 0
            for other in range(1, num_columns + 1):
                if other in done:
                    continue
                price = wide[current - 1][other - 1] - row_prices[current] - column_prices[other]
                if price < least[other]:
                    least[other], previous[other] = price, column
                if least[other] < step:
                    step, following = least[other], other
            for other in range(num_columns + 1):
                if other in done:
                    row_prices[owner[other]] += step
                    column_prices[other] -= step
                else:
                    least[other] -= step
            column = following
        while column:
            owner[column] = owner[previous[column]]
            column = previous[column]
    column_of = {owner[column]: column for column in range(1, num_columns + 1) if owner[column]}
    num_real = num_columns - num_rows
    return [column_of[row] - 1 if column_of[row] <= num_real else None for row in range(1, num_rows + 1)]


def _cost(request: Request, place: int, thing: SceneObject, unclear: bool) -> float:
    wrong = wrong_attributes(request, request.groups[place], thing)
    if not wrong:
        return _DOUBTFUL if unclear else _EXACT
    return float(len(wrong)) + (0.5 if "shape" in wrong else 0.0)


def _related(
    request: Request, objects: Sequence[SceneObject], places: Sequence[int], chosen: list[int | None]
) -> list[int | None]:
    """The choice, with right objects exchanged for others as right if more relations hold so."""
    found = stackings(objects)

    def num_held(choice: Sequence[int | None]) -> int:
        members = [
            [i for place, i in zip(places, choice, strict=True) if place == group and i is not None]
            for group in range(len(request.groups))
        ]
        return sum(
            link_holds(link, objects, members[link.first], members[link.second], found)
            for link in request.links
        )

    spare = [index for index in range(len(objects)) if index not in chosen]
    best = num_held(chosen)
    for seat, place in enumerate(places):
        for other in tuple(spare):
            now = chosen[seat]
            if best == len(request.links) or wrong_attributes(request, request.groups[place], objects[other]):
                continue
            trial = [*chosen[:seat], other, *chosen[seat + 1 :]]
            if now is not None and (held := num_held(trial)) > best:
                spare[spare.index(other)] = now
                chosen, best = trial, held
    return chosen
