"""A scene in words, object by object: "top-left small striped red star", and the reading of such lists.

An object that lies on another says so, and in which colour and shape that is. Where exactly things are is not
said; `posed` finds places that suit the words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from numpy.random import Generator

from irg.world2.overlap import Overlap, stackings
from irg.world2.placing import Region, placed, stacked
from irg.world2.scene import (
    MAX_OBJECTS,
    Background,
    Colour,
    Looks,
    Scene,
    SceneObject,
    Shape,
    Size,
    Texture,
    Zone,
)
from irg.world2.wording import ANYTHING

_NUM_TRIES = 200


@dataclass(frozen=True)
class Layered:
    """That an object lies inside, or in front of, one of this colour and shape."""

    overlap: Overlap
    colour: Colour
    shape: Shape


@dataclass(frozen=True)
class Listed:
    """An object in words. Of an unclear one the looks are a guess."""

    zone: Zone
    kind: Looks
    clear: bool = True
    on: Layered | None = None

    @property
    def text(self) -> str:
        looks = [value.value for value in _in_order(self.kind)]
        words = [self.zone.value, *([] if self.clear else [UNCLEAR]), *looks]
        if self.on is not None:
            words += [self.on.overlap.value, self.on.colour.value, self.on.shape.value]
        return " ".join(words)


@dataclass(frozen=True)
class SceneInventory:
    """All objects of a picture in words, and its background."""

    objects: tuple[Listed, ...]
    background: Background

    @property
    def text(self) -> str:
        """ "top-left small striped red star, center large plain blue square, sky" """
        return f"{listing(self.objects)}, {self.background}"


def take_inventory(
    scene: Scene, unclear: Collection[SceneObject] = (), order: Sequence[int] | None = None
) -> SceneInventory:
    """What a scene holds, in reading order or in that of the given indices."""
    listed = [
        Listed(thing.zone, thing.kind, not any(thing is one for one in unclear)) for thing in scene.objects
    ]
    for found in stackings(scene.objects):
        lower = scene.objects[found.lower]
        on = Layered(found.overlap, lower.colour, lower.shape)
        listed[found.upper] = replace(listed[found.upper], on=on)
    return SceneInventory(tuple(listed[index] for index in order or range(len(listed))), scene.background)


def listing(objects: Sequence[Listed]) -> str:
    return ", ".join(thing.text for thing in objects) or NOTHING


def seen_text(inventory: SceneInventory) -> str:
    """ "Seen: top-left small striped red star, sky." """
    return f"Seen: {inventory.text}."


def parse_seen(text: str) -> SceneInventory:
    if not (text.startswith("Seen: ") and text.endswith(".")):
        raise ValueError(f"not a list of what is seen: {text!r}")
    return parse_inventory(text[len("Seen: ") : -1])


def parse_inventory(text: str) -> SceneInventory:
    words, separator, background = text.rpartition(", ")
    if not separator or background not in set(Background):
        raise ValueError(f"a list ends with its background: {text!r}")
    return SceneInventory(parse_listing(words), Background(background))


def parse_listing(text: str) -> tuple[Listed, ...]:
    """The objects of a list, of 9 at most."""
    if text == NOTHING:
        return ()
    objects = tuple(parse_listed(part) for part in text.split(", "))
    if len(objects) > MAX_OBJECTS:
        raise ValueError(f"{len(objects)} objects are more than {MAX_OBJECTS}: {text!r}")
    return objects


def parse_listed(text: str) -> Listed:
    match = _LISTED.fullmatch(text)
    if match is None:
        raise ValueError(f"not an object in words: {text!r}")
    on = None
    if match["overlap"]:
        on = Layered(Overlap(match["overlap"]), Colour(match["on_colour"]), Shape(match["on_shape"]))
    kind = Looks(
        Shape(match["shape"]), Colour(match["colour"]), Texture(match["texture"]), Size(match["size"])
    )
    return Listed(Zone(match["zone"]), kind, match["unclear"] is None, on)


def kind_words(kind: Looks, plural: bool = False) -> str:
    """ "small red stars": what is said of a kind, in canonical words."""
    noun = ANYTHING if kind.shape is None else kind.shape.value
    if plural:
        noun = f"{ANYTHING}s" if kind.shape is None else kind.shape.plural
    return " ".join([*(value.value for value in _in_order(kind) if value is not kind.shape), noun])


def parse_kind(text: str) -> Looks:
    """The kind behind words in the singular or the plural."""
    match = _KIND.fullmatch(text)
    if match is None:
        raise ValueError(f"not a kind of object: {text!r}")
    return Looks(
        _SHAPE_OF[match["noun"]],
        Colour(match["colour"]) if match["colour"] else None,
        Texture(match["texture"]) if match["texture"] else None,
        Size(match["size"]) if match["size"] else None,
    )


def posed(inventory: SceneInventory, rng: Generator) -> Scene:
    """A scene with these objects somewhere in their zones; ValueError if there is no room for them."""
    for _ in range(_NUM_TRIES):
        things: list[SceneObject] = []
        # What holds or is behind others comes first, and the large before the small.
        for one in sorted(inventory.objects, key=lambda one: (one.on is not None, -_size_rank(one.kind))):
            thing = _posed_one(one, things, rng)
            if thing is None:
                break
            things.append(thing)
        else:
            return Scene(tuple(things), inventory.background)
    raise ValueError(f"no room for {inventory.text!r}")


def _posed_one(one: Listed, things: Sequence[SceneObject], rng: Generator) -> SceneObject | None:
    bounds = Region.of(one.zone)
    if one.on is None:
        return placed(one.kind, things, bounds, rng)
    carriers = [thing for thing in things if (thing.colour, thing.shape) == (one.on.colour, one.on.shape)]
    for carrier in carriers:
        others = [thing for thing in things if thing is not carrier]
        thing = stacked(one.on.overlap, one.kind, carrier, others, bounds, rng)
        if thing is not None:
            return thing
    return None


def _size_rank(kind: Looks) -> int:
    return 0 if kind.size is None else tuple(Size).index(kind.size)


def _in_order(kind: Looks) -> list[StrEnum]:
    said = (kind.size, kind.texture, kind.colour, kind.shape)
    return [value for value in said if value is not None]


NOTHING = "nothing"
UNCLEAR = "unclear"
_SHAPE_OF: dict[str, Shape | None] = {
    **{shape.value: shape for shape in Shape},
    **{shape.plural: shape for shape in Shape},
    ANYTHING: None,
    f"{ANYTHING}s": None,
}


def _any(values: Iterable[str], name: str) -> str:
    return f"(?P<{name}>{'|'.join(map(re.escape, values))})"


_LISTED = re.compile(
    rf"{_any(Zone, 'zone')}(?P<unclear> {UNCLEAR})? {_any(Size, 'size')} {_any(Texture, 'texture')} "
    rf"{_any(Colour, 'colour')} {_any(Shape, 'shape')}"
    rf"(?: {_any(Overlap, 'overlap')} {_any(Colour, 'on_colour')} {_any(Shape, 'on_shape')})?"
)
_KIND = re.compile(
    rf"(?:{_any(Size, 'size')} )?(?:{_any(Texture, 'texture')} )?(?:{_any(Colour, 'colour')} )?"
    rf"{_any(_SHAPE_OF, 'noun')}"
)
