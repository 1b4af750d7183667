"""Random changes to a scene, one at a time, as flaws or as what an instruction asks for.

Whatever is unchanged keeps its pose.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from irg.world2.fulfil import random_kind
from irg.world2.inventory import kind_words
from irg.world2.mend import redrawn
from irg.world2.overlap import stackings
from irg.world2.placing import Region, is_free, placed
from irg.world2.scene import (
    COLOURS,
    MAX_OBJECTS,
    MAX_SPACE,
    SHAPES,
    SIZES,
    SPACE,
    TEXTURES,
    Looks,
    Scene,
    SceneObject,
    Wave,
    Zone,
    is_held_out,
    is_possible,
    pick,
)

BUMPS = (2, 6)  # from oval to lumpy; the last is not reached
AMPLITUDES = (0.02, 0.14)  # of all waves of an outline together, in radii
_NUM_TRIES = 40


class Alteration(StrEnum):
    COLOUR = "colour"
    SHAPE = "shape"
    TEXTURE = "texture"
    SIZE = "size"
    PLACE = "place"
    MISSING = "missing"
    EXTRA = "extra"


ATTRIBUTE_CHANGES = (Alteration.COLOUR, Alteration.SHAPE, Alteration.TEXTURE, Alteration.SIZE)
_VALUES = {
    Alteration.COLOUR: COLOURS,
    Alteration.SHAPE: SHAPES,
    Alteration.TEXTURE: TEXTURES,
    Alteration.SIZE: SIZES,
}


def changed(
    scene: Scene, change: Alteration, rng: Generator, keep: Collection[SceneObject] = ()
) -> tuple[Scene, SceneObject | None, SceneObject | None] | None:
    """The scene with one random change, the object before it and the one after; None if none was found.

    Objects to keep stay as they are, and those that overlap others change their looks only by texture. A
    scene that training may show does not become one that it may not.
    """
    for _ in range(_NUM_TRIES):
        found = _changed_once(scene, change, rng, keep)
        if found is not None and (is_held_out(scene) or not is_held_out(found[0])):
            return found
    return None


def perturb(scene: Scene, rng: Generator) -> Scene:
    """The scene with one or two random changes, to different objects."""
    number, kept = int(rng.integers(1, 3)), list[SceneObject]()
    for index in rng.permutation(len(Alteration)):
        found = changed(scene, tuple(Alteration)[index], rng, kept)
        if found is None:
            continue
        scene, _, after = found
        kept += [after] if after else []
        number -= 1
        if not number:
            break
    return scene


def malform(scene: Scene, rng: Generator) -> Scene:
    """The scene with one or two objects whose outlines are wavy, as a model draws that is not sure.

    Some by so little that they are still clear: only the oracle can tell, from the picture.
    """
    number = min(int(rng.integers(1, 3)), len(scene.objects))
    chosen = {int(index) for index in rng.permutation(len(scene.objects))[:number]}
    things = tuple(_wavy(thing, rng) if i in chosen else thing for i, thing in enumerate(scene.objects))
    return replace(scene, objects=things)


def sample_edit(scene: Scene, rng: Generator) -> tuple[str, Scene]:
    """A random instruction and what the scene is after it; what it does not mention keeps its pose."""
    while True:
        change = pick(tuple(Alteration), rng)
        found = changed(scene, change, rng)
        if found is None:
            continue
        after, old, new = found
        return _instruction(scene, change, old, new), after


def reference(scene: Scene, thing: SceneObject) -> str:
    """The fewest words that tell an object from all others: "the star", or "the red star"."""
    kind, others = thing.kind, [other for other in scene.objects if other is not thing]
    for names in (("shape",), ("colour", "shape"), ("texture", "colour", "shape"), tuple(kind.attributes)):
        said = Looks(**{name: kind.attributes[name] for name in names})  # pyright: ignore[reportArgumentType]
        if not any(said.matches(other.kind) for other in others):
            return f"the {kind_words(said)}"
    return f"the {kind_words(kind)} {thing.zone}"


def is_told_apart(scene: Scene, thing: SceneObject) -> bool:
    """Whether the words of `reference` fit this object only."""
    return not any(
        other is not thing and other.kind == thing.kind and other.zone is thing.zone
        for other in scene.objects
    )


def _changed_once(
    scene: Scene, change: Alteration, rng: Generator, keep: Collection[SceneObject]
) -> tuple[Scene, SceneObject | None, SceneObject | None] | None:
    if change is Alteration.EXTRA:
        added = _added(scene, rng)
        return (scene.with_object(added), None, added) if added else None
    if not scene.objects or (change is Alteration.MISSING and len(scene.objects) == 1):
        return None
    old = pick(scene.objects, rng)
    if any(old is one for one in keep) or not is_told_apart(scene, old):
        return None
    rest = scene.without(old)
    if change is Alteration.MISSING:
        return rest, old, None
    is_layered = any(
        old in (scene.objects[one.upper], scene.objects[one.lower]) for one in stackings(scene.objects)
    )
    if is_layered and change is not Alteration.TEXTURE:
        return None
    if change is Alteration.PLACE:
        others = [zone for zone in Zone if zone is not old.zone]
        new = placed(old.kind, rest.objects, Region.of(pick(others, rng)), rng)
    else:
        new = _altered(old, change, rest, rng, is_layered)
    return None if new is None else (rest.with_object(new), old, new)


def _altered(
    old: SceneObject, change: Alteration, rest: Scene, rng: Generator, is_layered: bool
) -> SceneObject | None:
    values = [value for value in _VALUES[change] if value is not old.kind.attributes[change]]
    kind = replace(old.kind, **{change.value: pick(values, rng)})
    if not is_possible(kind):
        return None
    new = redrawn(old, kind, rng)
    return new if is_layered or is_free(new, rest.objects) else None


def _added(scene: Scene, rng: Generator) -> SceneObject | None:
    kind = random_kind(Looks(), rng)
    taken = sum(SPACE[thing.size] for thing in scene.objects)
    if (
        kind is None
        or kind.size is None
        or len(scene.objects) >= MAX_OBJECTS
        or taken + SPACE[kind.size] > MAX_SPACE
    ):
        return None
    return placed(kind, scene.objects, Region(), rng)


def _instruction(scene: Scene, change: Alteration, old: SceneObject | None, new: SceneObject | None) -> str:
    if old is None:
        assert new is not None, "a change is to something that was or is"
        return f"add a {kind_words(new.kind)} {new.zone}"
    told = reference(scene, old)
    if new is None:
        return f"remove {told}"
    if change is Alteration.PLACE:
        return f"move {told} to {new.zone}"
    if change is Alteration.SHAPE:
        return f"turn {told} into a {new.shape}"
    return f"make {told} {new.kind.attributes[change]}"


def _wavy(thing: SceneObject, rng: Generator) -> SceneObject:
    bumps = rng.permutation(np.arange(*BUMPS))[: int(rng.integers(1, 3))]
    strengths = rng.uniform(*AMPLITUDES) * rng.dirichlet(np.ones(len(bumps)))
    waves = tuple(
        Wave(float(strength), int(number), float(rng.uniform(0, 360)))
        for number, strength in zip(bumps, strengths, strict=True)
    )
    return replace(thing, pose=replace(thing.pose, waves=waves))
