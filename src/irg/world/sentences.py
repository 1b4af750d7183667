"""Thoughts and reflections: one spelling for each thing to say of a scene or a flaw, and its reading."""

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


_FLAWS = {
    FlawKind.COLOUR: "The {shape} {zone} is {colour}: make it {wanted}.",
    FlawKind.SHAPE: "The {colour} {shape} {zone} should be a {wanted}.",
    FlawKind.SIZE: "The {colour} {shape} {zone} is {size}: make it {wanted}.",
    FlawKind.MISSING: "A {size} {colour} {shape} is missing {zone}: add it.",
    FlawKind.EXTRA: "The {colour} {shape} {zone} is extra: remove it.",
    FlawKind.UNCLEAR: "The {colour} shape {zone} is unclear: make it a clean {wanted}.",
    FlawKind.BACKGROUND: "The background is {background}: make it {wanted}.",
}
"""What is said of each flaw, and read back by the same words."""
_ATTRIBUTES: dict[str, type[StrEnum]] = {"shape": Shape, "colour": Colour, "size": Size}
_WANTED: dict[FlawKind, type[StrEnum]] = {
    **{FlawKind(name): values for name, values in _ATTRIBUTES.items()},
    FlawKind.UNCLEAR: Shape,
    FlawKind.BACKGROUND: Background,
}


def _describe(flaw: Flaw, target: Scene) -> str:
    if flaw.kind is FlawKind.BACKGROUND:
        return _FLAWS[flaw.kind].format(background=flaw.background, wanted=target.background)
    thing = flaw.wanted if flaw.kind is FlawKind.MISSING else flaw.seen
    if thing is None or (flaw.wanted is None and flaw.kind is not FlawKind.EXTRA):
        raise ValueError(f"a flaw of this kind needs what was seen and what was wanted: {flaw}")
    said = {name: getattr(thing, name) for name in _ATTRIBUTES}
    wanted = getattr(flaw.wanted, _attribute(flaw.kind), None)
    return _FLAWS[flaw.kind].format(**said, zone=flaw.zone, wanted=wanted)


def _attribute(kind: FlawKind) -> str:
    """What a flaw is about; an unclear object is to get the right shape."""
    return "shape" if kind is FlawKind.UNCLEAR else kind.value


def _any(values: Iterable[StrEnum], name: str) -> str:
    return f"(?P<{name}>{'|'.join(values)})"


_NAMED = {
    name: _any(values, name)
    for name, values in {**_ATTRIBUTES, "zone": Zone, "background": Background}.items()
}
_PLACED = "{size} {colour} {shape} {zone}".format(**_NAMED)
_PLACED_OBJECT = re.compile(rf"[Aa] {_PLACED}(?=,|$)")
_UNNAMED = re.sub(r"\?P<\w+>", "?:", _PLACED)
_THOUGHT = re.compile(rf"(?P<objects>Nothing|A {_UNNAMED}(?:, a {_UNNAMED})*), on {_NAMED['background']}\.")
_FLAW_PATTERNS = {
    kind: re.compile(text.replace(".", r"\.").format(**_NAMED, wanted=_any(_WANTED.get(kind, ()), "wanted")))
    for kind, text in _FLAWS.items()
}


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
    _agree(match, match["wanted"], getattr(wanted, _attribute(kind)))
    return Flaw(kind, zone, replace(wanted, **stated[zone]), wanted)


def _agree(match: re.Match[str], said: object, described: object) -> None:
    if said != described:
        raise ValueError(f"{match.string!r} contradicts the description, which has {described}")
