"""Thoughts and reflections: one spelling for each thing to say of a scene or a flaw, and its reading."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from irg.world.flaws import Flaw, FlawKind
from irg.world.request import Request, in_named_order
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone, validate

NOTHING_WRONG = "Nothing is wrong: keep it and sharpen it."


def thought(scene: Scene, request: Request | None = None) -> str:
    """ "A large red circle top-left, a small blue star right, on cream."

    Objects come in the order that the request names them, so that where the second belongs can be read off
    where the first is. Without a request they come in reading order.
    """
    objects = in_named_order(scene.objects, request) if request else scene.objects
    parts = [f"a {words_for(thing)} {thing.zone}" for thing in objects] or ["nothing"]
    return sentence(", ".join([*parts, f"on {scene.background}"]))


def parse_thought(text: str) -> Scene:
    """The scene a thought describes, without poses."""
    match = _THOUGHT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a thought: {text!r}")
    background = Background(match["background"])
    if match["objects"] == "Nothing":
        return Scene((), background)
    objects = tuple(_object_from(found) for found in _PLACED_OBJECT.finditer(match["objects"]))
    return validate(Scene(objects, background))


def reflection(flaws: tuple[Flaw, ...], target: Scene, request: Request | None = None) -> str:
    """One sentence per flaw, then the complete description of what to draw, like a thought."""
    sentences = [_describe(flaw, target) for flaw in flaws] or [NOTHING_WRONG]
    return " ".join([*sentences, "Better:", thought(target, request)])


def parse_reflection(text: str) -> tuple[tuple[Flaw, ...], Scene]:
    """The flaws and the target behind a reflection.

    What a sentence leaves out is as wanted. The size of an extra object is neither said nor wanted: it reads
    as small.
    """
    criticism, separator, description = text.strip().partition(" Better: ")
    if not separator:
        raise ValueError(f"a reflection has a part 'Better:', but this has none: {text!r}")
    target = parse_thought(description)
    if criticism == NOTHING_WRONG:
        return (), target
    found = [_match_flaw(part) for part in re.split(r"(?<=\.) ", criticism)]
    stated = _stated_attributes(found)
    return tuple(_flaw_from(kind, match, stated, target) for kind, match in found), target


def words_for(thing: SceneObject) -> str:
    return f"{thing.size} {thing.colour} {thing.shape}"


def sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _describe(flaw: Flaw, target: Scene) -> str:
    seen, wanted, zone = flaw.seen, flaw.wanted, flaw.zone
    if flaw.kind is FlawKind.BACKGROUND:
        return f"The background is {flaw.background}: make it {target.background}."
    if flaw.kind is FlawKind.MISSING and wanted:
        return f"A {words_for(wanted)} is missing {zone}: add it."
    if flaw.kind is FlawKind.EXTRA and seen:
        return f"The {seen.colour} {seen.shape} {zone} is extra: remove it."
    if not (seen and wanted):
        raise ValueError(f"a flaw of this kind needs what was seen and what was wanted: {flaw}")
    if flaw.kind is FlawKind.COLOUR:
        return f"The {seen.shape} {zone} is {seen.colour}: make it {wanted.colour}."
    if flaw.kind is FlawKind.SHAPE:
        return f"The {seen.colour} {seen.shape} {zone} should be a {wanted.shape}."
    if flaw.kind is FlawKind.SIZE:
        return f"The {seen.colour} {seen.shape} {zone} is {seen.size}: make it {wanted.size}."
    return f"The {seen.colour} shape {zone} is unclear: make it a clean {wanted.shape}."


def _any(values: Iterable[StrEnum], name: str) -> str:
    return f"(?P<{name}>{'|'.join(values)})"


_SHAPE, _COLOUR = _any(Shape, "shape"), _any(Colour, "colour")
_SIZE, _ZONE = _any(Size, "size"), _any(Zone, "zone")
_BACKGROUND = _any(Background, "background")
_PLACED_OBJECT = re.compile(rf"[Aa] {_SIZE} {_COLOUR} {_SHAPE} {_ZONE}(?=,|$)")
_UNNAMED = re.sub(r"\?P<\w+>", "?:", f"{_SIZE} {_COLOUR} {_SHAPE} {_ZONE}")
_THOUGHT = re.compile(rf"(?P<objects>Nothing|A {_UNNAMED}(?:, a {_UNNAMED})*), on {_BACKGROUND}\.")
_FLAWS = {
    FlawKind.COLOUR: rf"The {_SHAPE} {_ZONE} is {_COLOUR}: make it {_any(Colour, 'wanted')}\.",
    FlawKind.SHAPE: rf"The {_COLOUR} {_SHAPE} {_ZONE} should be a {_any(Shape, 'wanted')}\.",
    FlawKind.SIZE: rf"The {_COLOUR} {_SHAPE} {_ZONE} is {_SIZE}: make it {_any(Size, 'wanted')}\.",
    FlawKind.MISSING: rf"A {_SIZE} {_COLOUR} {_SHAPE} is missing {_ZONE}: add it\.",
    FlawKind.EXTRA: rf"The {_COLOUR} {_SHAPE} {_ZONE} is extra: remove it\.",
    FlawKind.UNCLEAR: rf"The {_COLOUR} shape {_ZONE} is unclear: make it a clean {_any(Shape, 'wanted')}\.",
    FlawKind.BACKGROUND: rf"The background is {_BACKGROUND}: make it {_any(Background, 'wanted')}\.",
}
_FLAW_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _FLAWS.items()}
_ATTRIBUTES = {"shape": Shape, "colour": Colour, "size": Size}


def _object_from(match: re.Match[str]) -> SceneObject:
    return SceneObject(
        Shape(match["shape"]), Colour(match["colour"]), Size(match["size"]), Zone(match["zone"])
    )


def _match_flaw(part: str) -> tuple[FlawKind, re.Match[str]]:
    for kind, pattern in _FLAW_PATTERNS.items():
        if match := pattern.fullmatch(part):
            return kind, match
    raise ValueError(f"not a sentence about a flaw: {part!r}")


def _stated_attributes(found: list[tuple[FlawKind, re.Match[str]]]) -> dict[str, dict[str, StrEnum]]:
    """Per zone, what the sentences about it say of the object that was seen there."""
    stated: dict[str, dict[str, StrEnum]] = {}
    for _, match in found:
        groups = match.groupdict()
        if "zone" in groups:
            attributes = {name: kind(groups[name]) for name, kind in _ATTRIBUTES.items() if name in groups}
            stated.setdefault(groups["zone"], {}).update(attributes)
    return stated


def _flaw_from(
    kind: FlawKind, match: re.Match[str], stated: dict[str, dict[str, StrEnum]], target: Scene
) -> Flaw:
    if kind is FlawKind.BACKGROUND:
        _agree(match, match["wanted"], target.background)
        return Flaw(kind, background=Background(match["background"]))
    zone = Zone(match["zone"])
    wanted = target.at(zone)
    if kind is FlawKind.EXTRA:
        _agree(match, None, wanted)
        return Flaw(kind, zone, SceneObject(Shape(match["shape"]), Colour(match["colour"]), Size.SMALL, zone))
    if wanted is None:
        raise ValueError(f"{match.string!r} contradicts the description: nothing belongs there")
    if kind is FlawKind.MISSING:
        _agree(match, _object_from(match), wanted)
        return Flaw(kind, zone, None, wanted)
    _agree(match, match["wanted"], getattr(wanted, "shape" if kind is FlawKind.UNCLEAR else kind.value))
    return Flaw(kind, zone, replace(wanted, **stated[zone]), wanted)


def _agree(match: re.Match[str], said: object, described: object) -> None:
    if said != described:
        raise ValueError(f"{match.string!r} contradicts the description, which has {described}")
