"""What lies inside, in front of and behind what: read off the poses of a scene's objects.

Only shapes whose outline still tells them apart when a part is hidden may be covered, and only those with a
broad middle hold something: a moon is a circle of which something hides a part, and a ring has no middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import combinations

import numpy as np

from irg.world2.scene import Looks, SceneObject, Shape, Size, Texture
from irg.world2.shapes import distance_to, outline_points, reach, signed_distance

Array = np.ndarray

GAP = 4.0  # pixels between the outlines of objects that do not overlap
INSIDE_MARGIN = 1.5  # pixels between the outline of what lies inside and that of what holds it
HIDDEN_SHARES = (0.26, 0.42)  # of what is behind
_TOUCHING_SHARE = 0.08  # of the smaller one that must be shared before two objects overlap at all

HOLDERS = frozenset({Shape.CIRCLE, Shape.SQUARE, Shape.TRIANGLE, Shape.STAR, Shape.HEART})
COVERABLE = HOLDERS
COVERING = HOLDERS | {Shape.CROSS}
OVERLAPPING_SIZES = (Size.MEDIUM, Size.LARGE)


class Overlap(StrEnum):
    INSIDE = "inside"
    IN_FRONT = "in front of"


@dataclass(frozen=True)
class Stacking:
    """The object at index `upper` of a scene lies inside, or in front of, that at index `lower`."""

    overlap: Overlap
    upper: int
    lower: int


def can_overlap(overlap: Overlap, upper: Looks, lower: Looks) -> bool:
    """Whether the world shows the one on the other; what is left open may be chosen to suit."""
    if upper.colour is not None and upper.colour is lower.colour:
        return False
    if overlap is Overlap.INSIDE:
        return (
            upper.size in (None, Size.SMALL)
            and upper.texture is not Texture.DOTTED  # nothing small is
            and lower.size in (None, Size.LARGE)
            and (lower.shape is None or lower.shape in HOLDERS)
            and not (lower.shape in _NARROW and upper.shape in _WIDE)
        )
    sizes = (None, *OVERLAPPING_SIZES)
    return (
        upper.size in sizes
        and lower.size in sizes
        and (upper.shape is None or upper.shape in COVERING)
        and (lower.shape is None or lower.shape in COVERABLE)
    )


# Small squares and triangles reach too far for the middle of a large triangle or star.
_NARROW = frozenset({Shape.TRIANGLE, Shape.STAR})
_WIDE = frozenset({Shape.SQUARE, Shape.TRIANGLE, Shape.STAR, Shape.MOON})


def stackings(objects: Sequence[SceneObject]) -> tuple[Stacking, ...]:
    """Every overlap between two of the objects."""
    found = []
    for (i, first), (j, second) in combinations(enumerate(objects), 2):
        if are_apart(first, second):
            continue
        upper, lower = (i, j) if first.pose.layer > second.pose.layer else (j, i)
        if is_inside(objects[upper], objects[lower]):
            found.append(Stacking(Overlap.INSIDE, upper, lower))
        elif hidden_share(objects[upper], objects[lower]) > _TOUCHING_SHARE:
            found.append(Stacking(Overlap.IN_FRONT, upper, lower))
    return tuple(found)


def are_apart(first: SceneObject, second: SceneObject, gap: float = 0.0) -> bool:
    """Whether the circles around two objects are at least so many pixels apart."""
    distance = float(np.hypot(first.pose.x - second.pose.x, first.pose.y - second.pose.y))
    return distance >= extent(first) + extent(second) + gap


def extent(thing: SceneObject) -> float:
    """How far an object extends from its centre, in pixels."""
    return reach(thing.shape) * thing.pose.radius


def is_inside(upper: SceneObject, lower: SceneObject, margin: float = 0.0) -> bool:
    """Whether the upper one's outline lies within the lower one's everywhere, by so many pixels."""
    x, y = outline_points(upper.shape, upper.pose)
    return bool(distance_to(lower.shape, lower.pose, x, y).max() < -margin)


def hidden_share(upper: SceneObject, lower: SceneObject) -> float:
    """The share of the lower object's area that the upper one covers."""
    u, v = _unit_area(lower.shape, lower.pose.angle)
    x, y = lower.pose.x + lower.pose.radius * u, lower.pose.y + lower.pose.radius * v
    return float((distance_to(upper.shape, upper.pose, x, y) < 0).mean())


@cache
def _upright_area(shape: Shape) -> tuple[Array, Array]:
    u, v = np.meshgrid(np.linspace(-1.3, 1.3, 45), np.linspace(-1.3, 1.3, 45))
    within = signed_distance(shape, u, v, 1.0, 0.0) < 0
    return u[within], v[within]


def _unit_area(shape: Shape, angle: float) -> tuple[Array, Array]:
    u, v = _upright_area(shape)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return u * cos - v * sin, u * sin + v * cos
