"""A request: what a prompt asks of a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from irg.world2.overlap import OVERLAPPING_SIZES, Overlap, can_overlap
from irg.world2.scene import (
    COLOURS,
    HELD_OUT_COUNTS,
    MAX_OBJECTS,
    MAX_SPACE,
    SHAPES,
    SIZES,
    SPACE,
    TEXTURES,
    Looks,
    Shape,
    Size,
    is_held_out_kind,
    is_possible,
)

MAX_GROUPS = 3
MAX_LINKS = 2
MAX_EXCLUDED = 2


class SpatialRelation(StrEnum):
    LEFT = "left of"
    RIGHT = "right of"
    ABOVE = "above"
    BELOW = "below"
    INSIDE = "inside"
    IN_FRONT = "in front of"
    BEHIND = "behind"

    @property
    def overlap(self) -> Overlap | None:
        """What the two objects' layers are like, if the relation is between layers."""
        if self in (SpatialRelation.IN_FRONT, SpatialRelation.BEHIND):
            return Overlap.IN_FRONT
        return Overlap.INSIDE if self is SpatialRelation.INSIDE else None


DIRECTIONS = tuple(relation for relation in SpatialRelation if relation.overlap is None)
LAYERINGS = tuple(relation for relation in SpatialRelation if relation.overlap is not None)


class CountOrder(StrEnum):
    """How two open counts compare: the first is more than the second, fewer, or as many."""

    MORE = "more"
    FEWER = "fewer"
    EQUAL = "as many"

    def holds(self, first: int, second: int) -> bool:
        if self is CountOrder.EQUAL:
            return first == second
        return first > second if self is CountOrder.MORE else first < second


@dataclass(frozen=True)
class Group:
    """So many objects of a kind; of an open count (None) at least one."""

    count: int | None
    kind: Looks


@dataclass(frozen=True)
class Link:
    """Every object of the group at index `first` is so related to every one of that at `second`."""

    relation: SpatialRelation
    first: int
    second: int

    @property
    def layers(self) -> tuple[int, int]:
        """The groups in front (or inside) and behind (or around), of a relation between layers."""
        return (
            (self.second, self.first)
            if self.relation is SpatialRelation.BEHIND
            else (self.first, self.second)
        )


@dataclass(frozen=True)
class Request:
    """Exactly these objects and no others, related so, and nothing of the excluded kinds among them.

    No object could belong to two groups. With a comparison, the last two groups have open counts, which
    compare so, and no other has. Each excluded kind says one attribute.
    """

    groups: tuple[Group, ...]
    links: tuple[Link, ...] = ()
    comparison: CountOrder | None = None
    excluded: tuple[Looks, ...] = ()

    def __post_init__(self) -> None:
        problem = next(_problems(self), None)
        if problem:
            raise ValueError(problem)

    def allows(self, kind: Looks) -> bool:
        """Whether nothing that is excluded is of the kind."""
        return not any(one.attributes.items() <= kind.attributes.items() for one in self.excluded)


def requires_held_out(request: Request) -> bool:
    """Whether every scene that fulfils the request shows a held-out pair or count."""
    if any(_only_held_out(kind, request) for kind in _needed(request)):
        return True
    shapes = {group.kind.shape for group in request.groups}
    if None in shapes:
        return False
    open_shapes = {group.kind.shape for group in request.groups if group.count is None}
    counts: Counter[Shape] = Counter()
    for group in request.groups:
        if group.kind.shape is not None and group.kind.shape not in open_shapes:
            counts[group.kind.shape] += group.count or 0
    return any((count, shape) in HELD_OUT_COUNTS for shape, count in counts.items())


def _only_held_out(base: Looks, request: Request) -> bool:
    """Whether all whole kinds that a base can become are held out."""
    if base.shape is None:
        return False
    found = options(base, request)
    return all(
        is_held_out_kind(replace(surface, shape=base.shape, colour=colour.colour))
        for colour in found["colour"]
        for surface in found["surface"]
    )


def options(base: Looks, request: Request | None = None) -> dict[str, list[Looks]]:
    """What a kind can be beyond what its base says, if the world is to show it and the request allows it.

    Independent choices of a shape, of a colour, and of a texture with a size; empty if there is no such kind.
    """
    shapes = [Looks(shape=shape) for shape in SHAPES if base.shape in (None, shape)]
    colours = [Looks(colour=colour) for colour in COLOURS if base.colour in (None, colour)]
    surfaces = [
        Looks(texture=texture, size=size)
        for texture in TEXTURES
        for size in SIZES
        if base.texture in (None, texture) and base.size in (None, size)
    ]
    found = {
        name: [kind for kind in kinds if is_possible(kind) and (request is None or request.allows(kind))]
        for name, kinds in {"shape": shapes, "colour": colours, "surface": surfaces}.items()
    }
    return found if all(found.values()) else {}


def least_space(base: Looks, request: Request) -> int:
    """What an object of the kind takes up at least."""
    surfaces = options(base, request).get("surface", [])
    return min((SPACE[kind.size] for kind in surfaces if kind.size is not None), default=0)


def _problems(request: Request) -> Iterator[str]:
    """What makes a request one that no picture of the world fulfils, in words."""
    yield from _problems_of_groups(request)
    yield from _problems_of_links(request)
    yield from _problems_of_exclusions(request)


def _problems_of_groups(request: Request) -> list[str]:
    groups, problems = request.groups, []
    if not 1 <= len(groups) <= MAX_GROUPS:
        problems.append(f"A picture has one to {MAX_GROUPS} groups of objects, not {len(groups)}.")
    is_open = [group.count is None for group in groups]
    if is_open != (
        [*[False] * (len(groups) - 2), True, True] if request.comparison else [False] * len(groups)
    ):
        problems.append("How many there are is left open only of the two kinds that are compared.")
    if any(group.count is not None and not 1 <= group.count <= MAX_OBJECTS for group in groups):
        problems.append(f"A count goes from one to {MAX_OBJECTS}.")
    least = [1 if group.count is None else group.count for group in groups]
    if request.comparison in (CountOrder.MORE, CountOrder.FEWER):
        least[-2 if request.comparison is CountOrder.MORE else -1] += 1
    if sum(least) > MAX_OBJECTS:
        problems.append(f"{sum(least)} objects are too many: a picture has at most {MAX_OBJECTS}.")
    if (
        sum(count * least_space(group.kind, request) for count, group in zip(least, groups, strict=True))
        > MAX_SPACE
    ):
        problems.append("So many objects of that size are too much for one picture.")
    if not all(is_possible(group.kind) for group in groups):
        problems.append("Nothing small is dotted.")
    if any(first.kind.matches(second.kind) for first, second in combinations(groups, 2)):
        problems.append("One object could belong to two of the groups: say what tells them apart.")
    return problems


def _problems_of_links(request: Request) -> list[str]:
    groups, links, problems = request.groups, request.links, []
    pairs = [frozenset({link.first, link.second}) for link in links]
    if any(not pair <= set(range(len(groups))) or len(pair) < 2 for pair in pairs):
        return ["A relation holds between two different groups."]
    if len(links) > MAX_LINKS or len(set(pairs)) < len(pairs):
        problems.append("A picture has at most two relations, between different groups.")
    layered = [link for link in links if link.relation.overlap]
    if len({index for link in layered for index in link.layers}) < 2 * len(layered):
        problems.append("An object lies on or under one other at most.")
    for link in layered:
        upper, lower = (groups[index] for index in link.layers)
        assert link.relation.overlap is not None
        if upper.count != 1 or lower.count != 1:
            problems.append(f"{link.relation.capitalize()} holds between one object and one other.")
        elif not can_overlap(link.relation.overlap, upper.kind, lower.kind):
            problems.append(_OVERLAP_RULES[link.relation.overlap])
    return problems


def _problems_of_exclusions(request: Request) -> list[str]:
    problems = []
    if len(request.excluded) > MAX_EXCLUDED or len(set(request.excluded)) < len(request.excluded):
        problems.append("At most two different things are excluded.")
    if any(len(kind.attributes) != 1 for kind in request.excluded):
        problems.append("What is excluded is a shape, a color, a texture or a size.")
    if not all(options(kind, request) for kind in _needed(request)):
        problems.append("The same thing is asked for and excluded.")
    if any(kind.size in OVERLAPPING_SIZES for kind in request.excluded) and Overlap.IN_FRONT in {
        link.relation.overlap for link in request.links
    }:
        problems.append("What lies in front of or behind another is medium or large.")
    return problems


def _needed(request: Request) -> list[Looks]:
    """The kinds that must be there, with the sizes that relations ask for."""
    needed = [group.kind for group in request.groups]
    for link in request.links:
        upper, lower = (request.groups[index].kind for index in link.layers)
        if link.relation is SpatialRelation.INSIDE:
            needed += [replace(upper, size=Size.SMALL), replace(lower, size=Size.LARGE)]
    return needed


_OVERLAP_RULES = {
    Overlap.INSIDE: (
        "What lies inside is small and of another color than what holds it, which is a large circle, square, "
        "triangle, star or heart; squares, triangles, stars and moons do not fit into triangles and stars."
    ),
    Overlap.IN_FRONT: (
        "What lies in front of another is of another color; both are medium or large, neither is a ring or a "
        "moon, and no cross is behind."
    ),
}
