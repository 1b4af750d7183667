"""Questions about pictures, with their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from numpy.random import Generator

from irg.world2.edits import is_told_apart, reference
from irg.world2.inventory import kind_words, listing, seen_text, take_inventory
from irg.world2.matching import MARGIN, lead
from irg.world2.overlap import Overlap, stackings
from irg.world2.request import DIRECTIONS
from irg.world2.scene import COLOURS, SHAPES, SIZES, TEXTURES, ZONES, Looks, Scene, SceneObject, pick
from irg.world2.wording import NUMBER_WORDS

Lesson = tuple[str, str]

_OPPOSITE = {Overlap.INSIDE: "around", Overlap.IN_FRONT: "behind"}


def questions(scene: Scene, rng: Generator) -> list[Lesson]:
    """One or two questions of every kind that the scene allows, with their answers."""
    asked = [("what is in the picture?", seen_text(take_inventory(scene)))]
    asked += _how_many(scene, rng)
    asked += _about_one(scene, rng)
    asked += [_what_is_at(scene, zone) for zone in dict.fromkeys((pick(ZONES, rng), *_some_zone(scene, rng)))]
    asked += _is_there(scene, rng)
    asked += _which_side(scene, rng)
    asked += _on_what(scene)
    asked += _are_there_more(scene, rng)
    return asked


def _how_many(scene: Scene, rng: Generator) -> Iterator[Lesson]:
    kinds = [
        Looks(shape=pick(SHAPES, rng)),
        Looks(colour=pick(COLOURS, rng)),
        Looks(texture=pick(TEXTURES, rng)),
    ]
    kinds += [Looks(size=pick(SIZES, rng))]
    if scene.objects:
        kind = pick(scene.objects, rng).kind
        kinds += [Looks(shape=kind.shape), Looks(shape=kind.shape, colour=kind.colour)]
    for kind in dict.fromkeys(kinds):
        count = sum(kind.matches(thing.kind) for thing in scene.objects)
        yield f"how many {kind_words(kind, plural=True)} are there?", f"{NUMBER_WORDS[count]}."


def _about_one(scene: Scene, rng: Generator) -> Iterator[Lesson]:
    """The attributes and the place of an object that words without them tell from all others."""
    things = [scene.objects[index] for index in rng.permutation(len(scene.objects))]
    for name, word in {"colour": "color", "texture": "texture", "size": "size"}.items():
        for thing in things:
            rest = _reference_without(scene, thing, name)
            if rest is not None:
                yield f"what {word} is {rest}?", f"{thing.kind.attributes[name]}."
                break
    for thing in things:
        if not any(other is not thing and other.kind == thing.kind for other in scene.objects):
            yield f"where is {reference(scene, thing)}?", f"{thing.zone}."
            break


def _reference_without(scene: Scene, thing: SceneObject, name: str) -> str | None:
    """The fewest words that tell an object from all others, but for one attribute, if there are any."""
    others = [other.kind for other in scene.objects if other is not thing]
    left = replace(thing.kind, **{name: None})
    for kept in (("shape",), ("colour", "shape"), ("size", "shape"), tuple(left.attributes)):
        said = {one: value for one, value in left.attributes.items() if one in kept}
        kind = Looks(**said)  # pyright: ignore[reportArgumentType]
        if not any(kind.matches(other) for other in others):
            return f"the {kind_words(kind)}"
    return None


def _what_is_at(scene: Scene, zone: object) -> Lesson:
    inventory = take_inventory(scene)
    return f"what is {zone}?", f"{listing([one for one in inventory.objects if one.zone is zone])}."


def _some_zone(scene: Scene, rng: Generator) -> tuple[object, ...]:
    return (pick(scene.objects, rng).zone,) if scene.objects else ()


def _is_there(scene: Scene, rng: Generator) -> Iterator[Lesson]:
    present = sorted({(thing.colour, thing.shape) for thing in scene.objects})
    absent = [(colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in present]
    for pairs, answer in ((present, "yes."), (absent, "no.")):
        if pairs:
            colour, shape = pick(pairs, rng)
            yield f"is there {'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}?", answer


def _which_side(scene: Scene, rng: Generator) -> Iterator[Lesson]:
    """Whether one of two objects lies on a side of the other, if the answer is clear."""
    pairs = [
        pair for pair in combinations(scene.objects, 2) if all(is_told_apart(scene, thing) for thing in pair)
    ]
    if not pairs:
        return
    first, second = pick(pairs, rng)
    relation = pick(DIRECTIONS, rng)
    if rng.random() < 0.5:
        first, second = second, first
    if abs(lead(relation, first, second)) >= MARGIN:
        answer = "yes." if lead(relation, first, second) > 0 else "no."
        yield f"is {reference(scene, first)} {relation} {reference(scene, second)}?", answer


def _on_what(scene: Scene) -> Iterator[Lesson]:
    for found in stackings(scene.objects):
        upper, lower = scene.objects[found.upper], scene.objects[found.lower]
        if is_told_apart(scene, lower):
            yield f"what is {found.overlap} {reference(scene, lower)}?", f"{kind_words(upper.kind)}."
        if is_told_apart(scene, upper):
            yield (
                f"what is {_OPPOSITE[found.overlap]} {reference(scene, upper)}?",
                f"{kind_words(lower.kind)}.",
            )


def _are_there_more(scene: Scene, rng: Generator) -> Iterator[Lesson]:
    shapes = list(dict.fromkeys(thing.shape for thing in scene.objects))
    shapes += [shape for shape in SHAPES if shape not in shapes][:1]
    if len(shapes) > 1:
        first, second = (shapes[index] for index in rng.permutation(len(shapes))[:2])
        counts = [sum(thing.shape is shape for thing in scene.objects) for shape in (first, second)]
        answer = "yes." if counts[0] > counts[1] else "no."
        yield f"are there more {first.plural} than {second.plural}?", answer
