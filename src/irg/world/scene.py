"""What a picture of the scene world contains: objects with shape, colour, size and place, on a background.

Pure data. How a scene is drawn is `render`, how it is asked for `grammar`, and its words are `sentences`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")

IMAGE_SIZE = 128
MAX_OBJECTS = 5
ZONE_CENTRES = (21.5, 64.0, 106.5)
RADIUS_RANGES = {"small": (14.0, 15.0), "large": (18.5, 19.3)}
MAX_JITTER = 2.0
MAX_ANGLE = 8.0
_REACH = 20.2  # centre offset + radius never exceed this, so that neighbours 42.5 px apart stay apart


class Shape(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    HEART = "heart"


class Colour(StrEnum):
    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    CYAN = "cyan"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Background(StrEnum):
    CREAM = "cream"
    MINT = "mint"
    SKY = "sky"
    ROSE = "rose"
    SILVER = "silver"


class Zone(StrEnum):
    """One of the nine places, in reading order."""

    TOP_LEFT = "top-left"
    TOP = "top"
    TOP_RIGHT = "top-right"
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom-right"

    @staticmethod
    def at(row: int, column: int) -> Zone:
        if not (0 <= row < 3 and 0 <= column < 3):
            raise ValueError(f"no zone at row {row}, column {column}: both go from 0 to 2")
        return ZONES[3 * row + column]

    @property
    def row(self) -> int:
        return ZONES.index(self) // 3

    @property
    def column(self) -> int:
        return ZONES.index(self) % 3


SHAPES = tuple(Shape)
COLOURS = tuple(Colour)
SIZES = tuple(Size)
BACKGROUNDS = tuple(Background)
ZONES = tuple(Zone)

# Never shown in training, so that a benchmark can ask for combinations that are new to the model.
HELD_OUT_PAIRS = frozenset(
    {
        (Colour.PURPLE, Shape.CIRCLE),
        (Colour.YELLOW, Shape.SQUARE),
        (Colour.BLUE, Shape.TRIANGLE),
        (Colour.GREEN, Shape.STAR),
        (Colour.CYAN, Shape.HEART),
    }
)
HELD_OUT_COUNTS = frozenset({(3, Shape.STAR), (4, Shape.HEART), (3, Shape.TRIANGLE), (4, Shape.SQUARE)})


@dataclass(frozen=True)
class Wave:
    """How an outline leaves its shape: `bumps` times round the centre, by up to `amplitude` radii."""

    amplitude: float
    bumps: int
    phase: float
    """Degrees clockwise from the right to a bump's top."""


@dataclass(frozen=True)
class Pose:
    """Where exactly an object is: centre and radius in pixels, clockwise angle in degrees.

    `waves` is how it is malformed; a well-formed object has none.
    """

    x: float
    y: float
    radius: float
    angle: float
    waves: tuple[Wave, ...] = ()


@dataclass(frozen=True)
class SceneObject:
    shape: Shape
    colour: Colour
    size: Size
    zone: Zone
    pose: Pose | None = None

    @property
    def content(self) -> SceneObject:
        """The object without its pose: what words can say about it."""
        return self if self.pose is None else replace(self, pose=None)


@dataclass(frozen=True)
class Scene:
    """Objects in reading order on a background. An empty scene is only what an empty picture reads as."""

    objects: tuple[SceneObject, ...]
    background: Background

    def __post_init__(self) -> None:
        in_order = tuple(sorted(self.objects, key=lambda thing: ZONES.index(thing.zone)))
        object.__setattr__(self, "objects", in_order)

    def at(self, zone: Zone) -> SceneObject | None:
        return next((thing for thing in self.objects if thing.zone is zone), None)

    @property
    def free_zones(self) -> tuple[Zone, ...]:
        taken = {thing.zone for thing in self.objects}
        return tuple(zone for zone in ZONES if zone not in taken)

    @property
    def content(self) -> Scene:
        return replace(self, objects=tuple(thing.content for thing in self.objects))

    def same_content(self, other: Scene) -> bool:
        """Equal but for poses."""
        return self.content == other.content

    def pose(self, rng: Generator) -> Scene:
        """The scene with a random pose for each object that has none."""
        return replace(
            self,
            objects=tuple(
                thing if thing.pose else replace(thing, pose=random_pose(thing.zone, thing.size, rng))
                for thing in self.objects
            ),
        )


def pick(options: Sequence[T], rng: Generator) -> T:
    return options[int(rng.integers(len(options)))]


def validate(scene: Scene) -> Scene:
    """The scene itself if it can be drawn and described, else ValueError."""
    if not 1 <= len(scene.objects) <= MAX_OBJECTS:
        raise ValueError(f"a scene has 1 to {MAX_OBJECTS} objects, not {len(scene.objects)}")
    zones = [thing.zone.value for thing in scene.objects]
    if len(set(zones)) < len(zones):
        raise ValueError(f"two objects share a zone: {zones}")
    return scene


def random_pose(zone: Zone, size: Size, rng: Generator) -> Pose:
    radius = rng.uniform(*RADIUS_RANGES[size])
    limit = _jitter_limit(radius)
    dx, dy = rng.uniform(-limit, limit, size=2)
    angle = rng.uniform(-MAX_ANGLE, MAX_ANGLE)
    return Pose(ZONE_CENTRES[zone.column] + dx, ZONE_CENTRES[zone.row] + dy, radius, angle)


def fitted_pose(pose: Pose, zone: Zone, size: Size) -> Pose:
    """The pose nearest to this one that an object of this size can have in the zone, without waves."""
    radius = _clipped(pose.radius, *RADIUS_RANGES[size])
    limit = _jitter_limit(radius)
    centre_x, centre_y = ZONE_CENTRES[zone.column], ZONE_CENTRES[zone.row]
    return Pose(
        _clipped(pose.x, centre_x - limit, centre_x + limit),
        _clipped(pose.y, centre_y - limit, centre_y + limit),
        radius,
        _clipped(pose.angle, -MAX_ANGLE, MAX_ANGLE),
    )


def resized(thing: SceneObject, size: Size, rng: Generator) -> SceneObject:
    """The object in another size at the same place, moved only as far as its new reach demands."""
    if thing.pose is None:
        return replace(thing, size=size)
    grown = replace(thing.pose, radius=rng.uniform(*RADIUS_RANGES[size]))
    return replace(thing, size=size, pose=fitted_pose(grown, thing.zone, size))


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows a colour-shape pair, or a number of one shape, kept away from training."""
    counts = Counter(thing.shape for thing in scene.objects)
    return any((thing.colour, thing.shape) in HELD_OUT_PAIRS for thing in scene.objects) or any(
        (count, shape) in HELD_OUT_COUNTS for shape, count in counts.items()
    )


def _jitter_limit(radius: float) -> float:
    return min(MAX_JITTER, _REACH - radius)


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
