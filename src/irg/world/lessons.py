"""Questions with answers, and editing instructions: what a model learns seeing and editing from."""

from collections.abc import Iterator
from dataclasses import replace

from numpy.random import Generator

from irg.world.edits import CHANGE_KINDS, allowed_change, perturb
from irg.world.flaws import FlawKind, compare
from irg.world.grammar import Split, random_scene, sample_prompt
from irg.world.reading import clear_reading
from irg.world.request import Family
from irg.world.scene import COLOURS, SHAPES, ZONES, Scene, SceneObject, Shape, Zone, pick
from irg.world.sentences import reflection, sentence, thought, words_for
from irg.world.wording import NUMBER_WORDS, article


def questions(scene: Scene, rng: Generator) -> list[tuple[str, str]]:
    """One or two questions of every kind that the scene allows, with their answers."""
    asked = [("What is in the picture?", thought(scene))]
    shapes = [pick(SHAPES, rng), *(thing.shape for thing in _some(scene, rng))]
    asked += [_how_many(scene, shape) for shape in dict.fromkeys(shapes)]
    asked += _about_a_unique_object(scene, rng)
    zones = [pick(ZONES, rng), *(thing.zone for thing in _some(scene, rng))]
    asked += [_what_is(scene, zone) for zone in dict.fromkeys(zones)]
    asked += _is_there(scene, rng)
    return asked


def sample_edit(scene: Scene, rng: Generator) -> tuple[str, Scene]:
    """A random instruction and what the scene is after it; what it does not mention keeps its pose."""
    kinds = [kind for kind in CHANGE_KINDS if kind is not FlawKind.BACKGROUND]
    while True:
        kind = pick(kinds, rng)
        changed = allowed_change(scene, kind, rng)
        if changed is None:
            continue
        after, zone = changed
        assert zone is not None, "only a background is nowhere"
        return _instruction(kind, zone, scene, after), after


def VOCABULARY_TEXTS(rng: Generator, n: int) -> Iterator[str]:
    """n texts, of every kind in turn, to train a tokenizer on."""
    num_made = 0
    while num_made < n:
        for text in _one_of_each(rng)[: n - num_made]:
            num_made += 1
            yield text


def _how_many(scene: Scene, shape: Shape) -> tuple[str, str]:
    count = sum(thing.shape is shape for thing in scene.objects)
    return f"How many {shape}s are there?", sentence(NUMBER_WORDS[count] if count else "none")


def _about_a_unique_object(scene: Scene, rng: Generator) -> Iterator[tuple[str, str]]:
    shapes = [thing.shape for thing in scene.objects]
    only_shape = [thing for thing in scene.objects if shapes.count(thing.shape) == 1]
    if only_shape:
        thing = pick(only_shape, rng)
        yield f"What color is the {thing.shape}?", sentence(thing.colour)
    looks = [(thing.colour, thing.shape) for thing in scene.objects]
    only_look = [thing for thing in scene.objects if looks.count((thing.colour, thing.shape)) == 1]
    if only_look:
        thing = pick(only_look, rng)
        yield f"Where is the {thing.colour} {thing.shape}?", sentence(thing.zone)


def _what_is(scene: Scene, zone: Zone) -> tuple[str, str]:
    thing = scene.at(zone)
    return f"What is {zone}?", sentence(f"a {words_for(thing)}" if thing else "nothing")


def _some(scene: Scene, rng: Generator) -> list[SceneObject]:
    """One of the scene's objects, if it has any."""
    return [pick(scene.objects, rng)] if scene.objects else []


def _is_there(scene: Scene, rng: Generator) -> Iterator[tuple[str, str]]:
    present = {(thing.colour, thing.shape) for thing in scene.objects}
    absent = [(colour, shape) for colour in COLOURS for shape in SHAPES if (colour, shape) not in present]
    if present:
        colour, shape = pick(sorted(present), rng)
        yield f"Is there {article(colour)} {colour} {shape}?", "Yes."
    colour, shape = pick(absent, rng)
    yield f"Is there {article(colour)} {colour} {shape}?", "No."


def _instruction(kind: FlawKind, zone: Zone, before: Scene, after: Scene) -> str:
    old, new = before.at(zone), after.at(zone)
    if old is None and new is not None:
        return f"add a {words_for(new)} {zone}"
    assert old is not None, "a change is where something was or is"
    if new is None:
        return f"remove the {old.colour} {old.shape} {zone}"
    if kind is FlawKind.SHAPE:
        return f"turn the {old.shape} {zone} into a {new.shape}"
    return f"make the {old.shape} {zone} {new.colour if kind is FlawKind.COLOUR else new.size}"


def _one_of_each(rng: Generator) -> list[str]:
    scene = random_scene(rng)
    seen = clear_reading(perturb(scene, rng))
    doubted = tuple(replace(one, clear=bool(rng.random() < 0.5)) for one in seen.objects)
    blurred = replace(seen, objects=doubted)
    question, answer = pick(questions(scene, rng), rng)
    return [
        *(sample_prompt(rng, family, Split.TRAIN)[1] for family in Family),
        thought(scene),
        reflection(compare(seen, scene), scene),
        reflection(compare(blurred, scene), scene),
        reflection((), scene),
        question,
        answer,
        sample_edit(scene, rng)[0],
    ]
