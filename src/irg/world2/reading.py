"""What the oracle saw in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from irg.world2.overlap import stackings
from irg.world2.scene import Background, Scene, SceneObject


@dataclass(frozen=True)
class ObjectReading:
    """An object with its estimated pose; `score` is the overlap with the best-fitting clean shape.

    `clear` is whether that fit leaves no doubt. Of an unclear object, the looks are only a guess.
    """

    thing: SceneObject
    clear: bool
    score: float


@dataclass(frozen=True)
class Reading:
    """Everything seen, in reading order; `problems` says in words what does not belong in a clean picture.

    What overlaps is in the poses: of two objects that do, that of the higher layer was seen in front.
    """

    objects: tuple[ObjectReading, ...]
    background: Background
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        in_order = tuple(sorted(self.objects, key=lambda seen: seen.thing.reading_order))
        object.__setattr__(self, "objects", in_order)

    @property
    def scene(self) -> Scene:
        return Scene(tuple(seen.thing for seen in self.objects), self.background)

    @property
    def is_clean(self) -> bool:
        return not self.problems and all(seen.clear for seen in self.objects)

    @property
    def unclear(self) -> tuple[SceneObject, ...]:
        return tuple(seen.thing for seen in self.objects if not seen.clear)


def clear_reading(scene: Scene) -> Reading:
    """The reading of a perfect picture of the scene."""
    return Reading(tuple(ObjectReading(thing, True, 1.0) for thing in scene.objects), scene.background)


def same_content(first: Scene, second: Scene, ignore_background: bool = False) -> bool:
    """Whether two scenes say the same in words: looks, zones, what lies on what, background."""
    same_background = ignore_background or first.background is second.background
    return same_background and _in_words(first) == _in_words(second)


def _in_words(scene: Scene) -> tuple[list[str], list[str]]:
    """Objects and stackings in words and in alphabetical order, so that equal words mean equal content."""
    words = [f"{thing.zone} {' '.join(thing.kind.attributes.values())}" for thing in scene.objects]
    found = stackings(scene.objects)
    return sorted(words), sorted(f"{words[one.upper]} {one.overlap} {words[one.lower]}" for one in found)
