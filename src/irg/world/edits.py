"""Random changes to a scene, one at a time or as flaws. Whatever is unchanged keeps its pose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

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
    Zone,
    is_held_out,
    pick,
    random_pose,
    resized,
)

ATTRIBUTE_KINDS = (FlawKind.COLOUR, FlawKind.SHAPE, FlawKind.SIZE)
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


def _random_object(zone: Zone, rng: Generator) -> SceneObject:
    size = pick(SIZES, rng)
    return SceneObject(pick(SHAPES, rng), pick(COLOURS, rng), size, zone, random_pose(zone, size, rng))


def _altered(thing: SceneObject, kind: FlawKind, rng: Generator) -> SceneObject:
    if kind is FlawKind.COLOUR:
        return replace(thing, colour=pick([colour for colour in COLOURS if colour is not thing.colour], rng))
    if kind is FlawKind.SHAPE:
        return replace(thing, shape=pick([shape for shape in SHAPES if shape is not thing.shape], rng))
    return resized(thing, Size.LARGE if thing.size is Size.SMALL else Size.SMALL, rng)
