"""A request: what a prompt asks of a picture, and whether a scene is that."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from irg.world.scene import HELD_OUT_COUNTS, HELD_OUT_PAIRS, Colour, Scene, SceneObject, Shape, Size


class Family(StrEnum):
    """The six GenEval families, and compounds of them."""

    SINGLE = "single"
    TWO = "two"
    COUNTING = "counting"
    COLORS = "colors"
    POSITION = "position"
    ATTRIBUTION = "attribution"
    COMPOUND = "compound"


class Direction(StrEnum):
    LEFT = "left of"
    RIGHT = "right of"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True)
class Group:
    """So many objects of one shape; None leaves the colour or the size open."""

    count: int
    shape: Shape
    colour: Colour | None = None
    size: Size | None = None

    def matches(self, thing: SceneObject) -> bool:
        return (
            thing.shape is self.shape
            and self.colour in (None, thing.colour)
            and self.size in (None, thing.size)
        )


@dataclass(frozen=True)
class Request:
    """Exactly these objects and no others; the direction relates the first group to the second."""

    family: Family
    groups: tuple[Group, ...]
    direction: Direction | None = None

    @property
    def num_objects(self) -> int:
        return sum(group.count for group in self.groups)


def infer_family(groups: tuple[Group, ...], direction: Direction | None) -> Family:
    first = groups[0]
    if len(groups) == 1 and first.count == 1 and first.colour is None:
        return Family.SINGLE
    if len(groups) == 1 and first.size is None:
        if first.count == 1:
            return Family.COLORS
        if first.colour is None:
            return Family.COUNTING
    if len(groups) == 2 and all(group.count == 1 and group.size is None for group in groups):
        second = groups[1]
        if first.colour is None and second.colour is None and first.shape is not second.shape:
            return Family.POSITION if direction else Family.TWO
        if first.colour and second.colour and first.colour is not second.colour and not direction:
            return Family.ATTRIBUTION
    return Family.COMPOUND


def requires_held_out(request: Request) -> bool:
    """Whether every scene that fulfils the request shows a held-out pair or count."""
    counts: Counter[Shape] = Counter()
    for group in request.groups:
        counts[group.shape] += group.count
    return any((group.colour, group.shape) in HELD_OUT_PAIRS for group in request.groups) or any(
        (count, shape) in HELD_OUT_COUNTS for shape, count in counts.items()
    )


def assignments(request: Request, objects: tuple[SceneObject, ...]) -> Iterator[tuple[int, ...]]:
    """Every way to give each object a group (by index) that it matches, no group more than its count.

    Groups may overlap in what they match ("a red circle and a circle"), hence a search.
    """

    def extend(chosen: tuple[int, ...], room: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(chosen) == len(objects):
            yield chosen
            return
        for index, group in enumerate(request.groups):
            if room[index] and group.matches(objects[len(chosen)]):
                yield from extend((*chosen, index), (*room[:index], room[index] - 1, *room[index + 1 :]))

    return extend((), tuple(group.count for group in request.groups))


def _relation_holds(request: Request, objects: tuple[SceneObject, ...], assignment: tuple[int, ...]) -> bool:
    """Whether every object of the first group lies on the asked side of every object of the second."""
    if request.direction is None:
        return True
    places = [_coordinate(request.direction, thing) for thing in objects]
    first, second = (
        [place for place, index in zip(places, assignment, strict=True) if index == group] for group in (0, 1)
    )
    return not first or not second or max(first) < min(second)


def ways(request: Request, objects: tuple[SceneObject, ...]) -> Iterator[tuple[int, ...]]:
    """The assignments for which the relation holds."""
    return (way for way in assignments(request, objects) if _relation_holds(request, objects, way))


def in_named_order(objects: tuple[SceneObject, ...], request: Request) -> tuple[SceneObject, ...]:
    """The objects group by group, as the request names them; within a group they keep their order.

    Where objects fit the groups in several ways, one is chosen for which the relation holds. Of objects that
    are not what was asked for, each that matches a group with room left goes there, and the others come last.
    """
    found = chain(ways(request, objects), assignments(request, objects))
    way = next(found, None) or _nearest_assignment(request, objects)
    return tuple(thing for _, thing in sorted(zip(way, objects, strict=True), key=lambda pair: pair[0]))


def fulfils(scene: Scene, request: Request) -> bool:
    """Whether the scene is exactly what was asked for."""
    return len(scene.objects) == request.num_objects and next(ways(request, scene.objects), None) is not None


def _nearest_assignment(request: Request, objects: tuple[SceneObject, ...]) -> tuple[int, ...]:
    """Each object's group (by index); as if there were one more for those that match none with room left."""
    room = [group.count for group in request.groups]
    chosen = []
    for thing in objects:
        found = (index for index, group in enumerate(request.groups) if room[index] and group.matches(thing))
        index = next(found, len(room))
        if index < len(room):
            room[index] -= 1
        chosen.append(index)
    return tuple(chosen)


def _coordinate(direction: Direction, thing: SceneObject) -> int:
    """The place along a direction; what is further that way is lower."""
    along = thing.zone.column if direction in (Direction.LEFT, Direction.RIGHT) else thing.zone.row
    return along if direction in (Direction.LEFT, Direction.ABOVE) else -along
