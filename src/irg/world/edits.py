"""Random changes to a scene, one at a time or as flaws. Whatever is unchanged keeps its pose."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from irg.world.flaws import FlawKind
from irg.world.scene import (
    BACKGROUNDS,
    COLOURS,
    MAX_OBJECTS,
    SHAPES,
    SIZES,
    Scene,
    SceneObject,
    Size,
    Wave,
    Zone,
    is_held_out,
    pick,
    random_pose,
    resized,
)

ATTRIBUTE_KINDS = (FlawKind.COLOUR, FlawKind.SHAPE, FlawKind.SIZE)
BUMPS = (2, 6)  # from oval to lumpy; the last is not reached
AMPLITUDES = (0.02, 0.14)  # of all waves of an outline together, in radii
CHANGE_KINDS = (*ATTRIBUTE_KINDS, FlawKind.MISSING, FlawKind.EXTRA, FlawKind.BACKGROUND)


def change(
    scene: Scene, kind: FlawKind, rng: Generator, avoid: Collection[Zone] = ()
) -> tuple[Scene, Zone | None] | None:
    """The scene with one random flaw of a kind, and where it is; None if the scene leaves no room for it."""
    if kind is FlawKind.BACKGROUND:
        others = [background for background in BACKGROUNDS if background is not scene.background]
        return replace(scene, background=pick(others, rng)), None
    if kind is FlawKind.EXTRA:
        zones = [zone for zone in scene.free_zones if zone not in avoid]
        if len(scene.objects) >= MAX_OBJECTS or not zones:
            return None
        added = _random_object(pick(zones, rng), rng)
        return replace(scene, objects=(*scene.objects, added)), added.zone
    candidates = [thing for thing in scene.objects if thing.zone not in avoid]
    if not candidates or (kind is FlawKind.MISSING and len(scene.objects) == 1):
        return None
    old = pick(candidates, rng)
    rest = tuple(thing for thing in scene.objects if thing is not old)
    new = () if kind is FlawKind.MISSING else (_altered(old, kind, rng),)
    return replace(scene, objects=rest + new), old.zone


def allowed_change(
    scene: Scene, kind: FlawKind, rng: Generator, avoid: Collection[Zone] = ()
) -> tuple[Scene, Zone | None] | None:
    """Like `change`, but never from a scene that training may show to one that it may not."""
    for _ in range(20):
        changed = change(scene, kind, rng, avoid)
        if changed is None or is_held_out(scene) or not is_held_out(changed[0]):
            return changed
    return None


def perturb(scene: Scene, rng: Generator) -> Scene:
    """The scene with one or two random flaws."""
    num_flaws = int(rng.integers(1, 3))
    kinds = [CHANGE_KINDS[index] for index in rng.permutation(len(CHANGE_KINDS))]
    perturbed, touched, made = scene, set[Zone](), list[FlawKind]()
    for kind in kinds:
        # One object may get two wrong attributes; otherwise flaws do not meet in a zone.
        both_attributes = kind in ATTRIBUTE_KINDS and set(made) <= set(ATTRIBUTE_KINDS)
        changed = allowed_change(perturbed, kind, rng, () if both_attributes else touched)
        if changed is None:
            continue
        perturbed, zone = changed
        made.append(kind)
        touched |= {zone} if zone else set()
        if len(made) == num_flaws:
            break
    return perturbed


def malform(scene: Scene, rng: Generator) -> Scene:
    """The posed scene with one or two objects whose outlines are wavy, as a model draws that is not sure.

    Some by so little that they are still clear: only the oracle can tell, from the picture.
    """
    number = min(int(rng.integers(1, 3)), len(scene.objects))
    chosen = {int(index) for index in rng.permutation(len(scene.objects))[:number]}
    return replace(
        scene,
        objects=tuple(
            _wavy(thing, rng) if index in chosen else thing for index, thing in enumerate(scene.objects)
        ),
    )


def _wavy(thing: SceneObject, rng: Generator) -> SceneObject:
    if thing.pose is None:
        raise ValueError(f"cannot malform an object without a pose (call Scene.pose first): {thing}")
    bumps = rng.permutation(np.arange(*BUMPS))[: int(rng.integers(1, 3))]
    strengths = rng.uniform(*AMPLITUDES) * rng.dirichlet(np.ones(len(bumps)))
    waves = tuple(
        Wave(float(strength), int(number), float(rng.uniform(0, 360)))
        for number, strength in zip(bumps, strengths, strict=True)
    )
    return replace(thing, pose=replace(thing.pose, waves=waves))


def _random_object(zone: Zone, rng: Generator) -> SceneObject:
    size = pick(SIZES, rng)
    return SceneObject(pick(SHAPES, rng), pick(COLOURS, rng), size, zone, random_pose(zone, size, rng))


def _altered(thing: SceneObject, kind: FlawKind, rng: Generator) -> SceneObject:
    if kind is FlawKind.COLOUR:
        return replace(thing, colour=pick([colour for colour in COLOURS if colour is not thing.colour], rng))
    if kind is FlawKind.SHAPE:
        return replace(thing, shape=pick([shape for shape in SHAPES if shape is not thing.shape], rng))
    return resized(thing, Size.LARGE if thing.size is Size.SMALL else Size.SMALL, rng)
