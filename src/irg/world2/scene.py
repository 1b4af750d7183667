"""What a picture of the scene world contains: objects with looks and an exact place, on a background.

Pure data. How a scene is drawn is `render`, how it is asked for `request`, its words `inventory`.
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
MAX_OBJECTS = 9
ZONE_BORDERS = (IMAGE_SIZE / 3, 2 * IMAGE_SIZE / 3)
ZONE_MARGIN = 3.0  # pixels that a centre keeps from the borders of zones, so that zone words are exact
MAX_ANGLE = 10.0


class Shape(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    HEART = "heart"
    CROSS = "cross"
    RING = "ring"
    MOON = "moon"

    @property
    def plural(self) -> str:
        return f"{self.value}es" if self is Shape.CROSS else f"{self.value}s"


class Colour(StrEnum):
    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    CYAN = "cyan"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"


class Texture(StrEnum):
    PLAIN = "plain"
    STRIPED = "striped"
    DOTTED = "dotted"


class Size(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
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
    def around(x: float, y: float) -> Zone:
        """The zone that holds a point, in pixels; a point outside the picture belongs to the nearest."""
        row, column = (sum(place >= border for border in ZONE_BORDERS) for place in (y, x))
        return ZONES[3 * row + column]

    @property
    def row(self) -> int:
        return ZONES.index(self) // 3

    @property
    def column(self) -> int:
        return ZONES.index(self) % 3


SHAPES = tuple(Shape)
COLOURS = tuple(Colour)
TEXTURES = tuple(Texture)
SIZES = tuple(Size)
BACKGROUNDS = tuple(Background)
ZONES = tuple(Zone)
# What objects of a size take up of a picture's room, and how much room there is.
SPACE = {Size.SMALL: 4, Size.MEDIUM: 8, Size.LARGE: 14}
MAX_SPACE = 60
RADIUS_RANGES = {Size.SMALL: (8.9, 9.5), Size.MEDIUM: (12.6, 13.4), Size.LARGE: (17.6, 18.6)}

# Never shown in training, so that a benchmark can ask for combinations that are new to the model.
HELD_OUT_PAIRS = frozenset(
    {
        (Colour.PURPLE, Shape.CIRCLE),
        (Colour.YELLOW, Shape.SQUARE),
        (Colour.BLUE, Shape.TRIANGLE),
        (Colour.GREEN, Shape.STAR),
        (Colour.CYAN, Shape.HEART),
        (Colour.RED, Shape.CROSS),
        (Colour.PINK, Shape.RING),
        (Colour.ORANGE, Shape.MOON),
    }
)
HELD_OUT_COUNTS = frozenset(
    {
        (3, Shape.STAR),
        (4, Shape.HEART),
        (3, Shape.TRIANGLE),
        (4, Shape.SQUARE),
        (5, Shape.CIRCLE),
        (6, Shape.RING),
        (7, Shape.CROSS),
    }
)
HELD_OUT_TEXTURES = frozenset(
    {(Texture.STRIPED, Shape.HEART), (Texture.DOTTED, Shape.SQUARE), (Texture.DOTTED, Shape.MOON)}
)


@dataclass(frozen=True)
class Looks:
    """Looks; None leaves an attribute open. An object's kind leaves nothing open."""

    shape: Shape | None = None
    colour: Colour | None = None
    texture: Texture | None = None
    size: Size | None = None

    @property
    def attributes(self) -> dict[str, StrEnum]:
        """What is said, by the name of the attribute."""
        said = {"shape": self.shape, "colour": self.colour, "texture": self.texture, "size": self.size}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def is_whole(self) -> bool:
        return len(self.attributes) == len(ATTRIBUTES)

    def differences(self, other: Looks) -> tuple[str, ...]:
        """The names of the attributes in which both say something, and not the same."""
        mine, others = self.attributes, other.attributes
        return tuple(
            name for name in ATTRIBUTES if name in mine and others.get(name, mine[name]) != mine[name]
        )

    def matches(self, other: Looks) -> bool:
        """Whether something could be of both kinds; of a whole kind, whether it is of this one."""
        return not self.differences(other)


ATTRIBUTES = ("size", "texture", "colour", "shape")  # in the order in which they are said


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

    Of objects that overlap, that of the higher `layer` is in front. `waves` is how an object is malformed; a
    well-formed one has none.
    """

    x: float
    y: float
    radius: float
    angle: float = 0.0
    layer: int = 0
    waves: tuple[Wave, ...] = ()

    @property
    def zone(self) -> Zone:
        return Zone.around(self.x, self.y)


@dataclass(frozen=True)
class SceneObject:
    kind: Looks
    pose: Pose

    def __post_init__(self) -> None:
        if not self.kind.is_whole:
            raise ValueError(f"an object has a shape, a colour, a texture and a size, not only {self.kind}")

    @property
    def shape(self) -> Shape:
        assert self.kind.shape is not None
        return self.kind.shape

    @property
    def colour(self) -> Colour:
        assert self.kind.colour is not None
        return self.kind.colour

    @property
    def texture(self) -> Texture:
        assert self.kind.texture is not None
        return self.kind.texture

    @property
    def size(self) -> Size:
        assert self.kind.size is not None
        return self.kind.size

    @property
    def zone(self) -> Zone:
        return self.pose.zone

    @property
    def reading_order(self) -> tuple[int, int, float]:
        """Zone by zone; in a zone what is behind first, then from left to right."""
        return ZONES.index(self.zone), self.pose.layer, self.pose.x


@dataclass(frozen=True)
class Scene:
    """Objects in reading order on a background. An empty scene is only what an empty picture reads as."""

    objects: tuple[SceneObject, ...]
    background: Background

    def __post_init__(self) -> None:
        in_order = tuple(sorted(self.objects, key=lambda thing: thing.reading_order))
        object.__setattr__(self, "objects", in_order)

    def without(self, thing: SceneObject) -> Scene:
        return replace(self, objects=tuple(other for other in self.objects if other is not thing))

    def with_object(self, thing: SceneObject) -> Scene:
        return replace(self, objects=(*self.objects, thing))


def pick(options: Sequence[T], rng: Generator) -> T:
    return options[int(rng.integers(len(options)))]


def is_possible(kind: Looks) -> bool:
    """Whether the world shows the kind: of dots, a small object has too few to be told from shading."""
    return not (kind.size is Size.SMALL and kind.texture is Texture.DOTTED)


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows a pair of attributes, or a number of one shape, kept away from training."""
    counts = Counter(thing.shape for thing in scene.objects)
    return any(is_held_out_kind(thing.kind) for thing in scene.objects) or any(
        (count, shape) in HELD_OUT_COUNTS for shape, count in counts.items()
    )


def is_held_out_kind(kind: Looks) -> bool:
    return (kind.colour, kind.shape) in HELD_OUT_PAIRS or (kind.texture, kind.shape) in HELD_OUT_TEXTURES
