"""Finding a free place for an object: by itself within bounds, inside another, or in front of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from irg.world2.overlap import (
    GAP,
    HIDDEN_SHARES,
    INSIDE_MARGIN,
    Overlap,
    are_apart,
    hidden_share,
    is_inside,
)
from irg.world2.scene import (
    IMAGE_SIZE,
    MAX_ANGLE,
    RADIUS_RANGES,
    ZONE_BORDERS,
    ZONE_MARGIN,
    Looks,
    Pose,
    SceneObject,
    Zone,
)
from irg.world2.shapes import reach

Array = np.ndarray

EDGE = 2.0  # pixels that an object keeps from the picture's edge
_NUM_CANDIDATES = 160
_NUM_STACKING_TRIES = 120


@dataclass(frozen=True)
class Region:
    """Where a centre may be, in pixels."""

    left: float = 0.0
    right: float = float(IMAGE_SIZE)
    top: float = 0.0
    bottom: float = float(IMAGE_SIZE)

    @staticmethod
    def of(zone: Zone) -> Region:
        edges = (0.0, *ZONE_BORDERS, float(IMAGE_SIZE))
        row, column = zone.row, zone.column
        return Region(edges[column], edges[column + 1], edges[row], edges[row + 1])

    def within(self, other: Region) -> Region:
        return Region(
            max(self.left, other.left),
            min(self.right, other.right),
            max(self.top, other.top),
            min(self.bottom, other.bottom),
        )

    def shrunk(self, margin: float) -> Region:
        return Region(self.left + margin, self.right - margin, self.top + margin, self.bottom - margin)

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom


def placed(kind: Looks, taken: Sequence[SceneObject], bounds: Region, rng: Generator) -> SceneObject | None:
    """An object of a whole kind at a random free place within bounds; None if none was found."""
    pose = random_pose(kind, rng)
    assert kind.shape is not None
    extent = reach(kind.shape) * pose.radius
    bounds = bounds.within(Region().shrunk(extent + EDGE))
    if bounds.left > bounds.right or bounds.top > bounds.bottom:
        return None
    x = rng.uniform(bounds.left, bounds.right, _NUM_CANDIDATES)
    y = rng.uniform(bounds.top, bounds.bottom, _NUM_CANDIDATES)
    free = _off_borders(x) & _off_borders(y)
    for other in taken:
        others = reach(other.shape) * other.pose.radius
        distance = np.hypot(x - other.pose.x, y - other.pose.y)
        free &= distance >= extent + others + GAP
    found = np.flatnonzero(free)
    if not len(found):
        return None
    return SceneObject(kind, replace(pose, x=float(x[found[0]]), y=float(y[found[0]])))


def stacked(
    overlap: Overlap,
    kind: Looks,
    lower: SceneObject,
    taken: Sequence[SceneObject],
    bounds: Region,
    rng: Generator,
) -> SceneObject | None:
    """An object of a whole kind inside, or in front of, another, apart from all others; None if none fits."""
    for pose in _poses_around(overlap, kind, lower, rng):
        upper = SceneObject(kind, replace(pose, layer=lower.pose.layer + 1))
        if is_allowed(upper, bounds) and is_stacked(overlap, upper, lower) and is_free(upper, taken):
            return upper
    return None


def slid_under(
    overlap: Overlap,
    kind: Looks,
    upper: SceneObject,
    taken: Sequence[SceneObject],
    bounds: Region,
    rng: Generator,
) -> SceneObject | None:
    """The reverse of `stacked`: an object around, or behind, one that is there already."""
    for pose in _poses_around(overlap, kind, upper, rng):
        lower = SceneObject(kind, replace(pose, layer=upper.pose.layer - 1))
        if is_allowed(lower, bounds) and is_stacked(overlap, upper, lower) and is_free(lower, taken):
            return lower
    return None


def _poses_around(overlap: Overlap, kind: Looks, other: SceneObject, rng: Generator) -> Iterator[Pose]:
    for _ in range(_NUM_STACKING_TRIES):
        pose = random_pose(kind, rng)
        radii = pose.radius + other.pose.radius
        distance = (
            rng.uniform(0, 0.3) * radii if overlap is Overlap.INSIDE else rng.uniform(0.35, 0.9) * radii
        )
        angle = rng.uniform(0, 2 * np.pi)
        yield replace(
            pose,
            x=float(other.pose.x + distance * np.cos(angle)),
            y=float(other.pose.y + distance * np.sin(angle)),
        )


def is_allowed(thing: SceneObject, bounds: Region) -> bool:
    """Whether an object lies within the picture, its centre within bounds and off the borders of zones."""
    pose = thing.pose
    frame = Region().shrunk(reach(thing.shape) * pose.radius + EDGE)
    off_borders = _off_borders(np.array([pose.x, pose.y])).all()
    return bool(off_borders) and frame.within(bounds).holds(pose.x, pose.y)


def is_free(thing: SceneObject, taken: Sequence[SceneObject]) -> bool:
    return all(are_apart(thing, other, GAP) for other in taken)


def is_stacked(overlap: Overlap, upper: SceneObject, lower: SceneObject) -> bool:
    """Whether the one lies so on the other that both can be told."""
    if overlap is Overlap.INSIDE:
        return is_inside(upper, lower, INSIDE_MARGIN)
    low, high = HIDDEN_SHARES
    return low <= hidden_share(upper, lower) <= high


def random_pose(kind: Looks, rng: Generator) -> Pose:
    """A random radius and angle for a kind of known size, at no place yet."""
    assert kind.size is not None
    return Pose(0.0, 0.0, rng.uniform(*RADIUS_RANGES[kind.size]), rng.uniform(-MAX_ANGLE, MAX_ANGLE))


def _off_borders(places: Array) -> Array:
    borders = np.array(ZONE_BORDERS)
    return np.abs(places[:, None] - borders).min(axis=1) >= ZONE_MARGIN
