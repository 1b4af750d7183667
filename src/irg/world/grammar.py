"""Requests to the scene world: random ones, their texts and splits, and the scenes that fulfil them.

The types are in `request`, and their English (`phrase`, `parse`) in `wording`.
"""

from collections import Counter
from enum import StrEnum
from hashlib import sha256
from itertools import combinations

from numpy.random import Generator

from irg.world.request import (
    Direction,
    Family,
    Group,
    Request,
    fulfils,
    infer_family,
    requires_held_out,
    ways,
)
from irg.world.scene import (
    BACKGROUNDS,
    COLOURS,
    MAX_OBJECTS,
    SHAPES,
    SIZES,
    ZONES,
    Scene,
    SceneObject,
    is_held_out,
    pick,
)
from irg.world.wording import phrase


class Split(StrEnum):
    """Texts to train on, texts never trained on, and requests for combinations never trained on."""

    TRAIN = "train"
    HELD_OUT = "held_out"
    COMBINATIONS = "combinations"


COMBINATION_FAMILIES = (Family.COUNTING, Family.COLORS, Family.ATTRIBUTION, Family.COMPOUND)


def sample_request(rng: Generator, family: Family) -> Request:
    """A random request of a family, held-out combinations included."""
    groups, direction = _SAMPLERS[family](rng)
    return Request(family, groups, direction)


def sample_prompt(rng: Generator, family: Family, split: Split) -> tuple[Request, str]:
    """A random request of a family, and a text for it that belongs to the split."""
    if split is Split.COMBINATIONS and family not in COMBINATION_FAMILIES:
        raise ValueError(f"a {family.value!r} prompt cannot require a held-out combination")
    while True:
        request = sample_request(rng, family)
        if requires_held_out(request) != (split is Split.COMBINATIONS):
            continue
        text = phrase(request, rng)
        if split is Split.COMBINATIONS or is_held_out_text(text) == (split is Split.HELD_OUT):
            return request, text


def is_held_out_text(text: str) -> bool:
    """One text in eight, whatever its case and final full stop."""
    plain = text.lower().rstrip(".")
    return int(sha256(plain.encode()).hexdigest(), 16) % 8 == 0


def fulfil(
    request: Request,
    rng: Generator,
    allow_held_out: bool = False,
    keep: tuple[SceneObject, ...] = (),
) -> Scene:
    """A random posed scene that is exactly what was asked for, in its uniformly random rest.

    Held-out combinations are avoided unless allowed or required. Of the objects to keep, as many as can be
    part of such a scene stay, as they are.
    """
    allow_held_out = allow_held_out or requires_held_out(request)
    for num_kept in range(min(len(keep), request.num_objects), 0, -1):
        for kept in combinations(keep, num_kept):
            scene = _complete(request, kept, allow_held_out, rng, num_tries=60)
            if scene is not None:
                return scene.pose(rng)
    scene = _complete(request, (), allow_held_out, rng, num_tries=20_000)
    if scene is None:
        raise ValueError(f"no scene found for {request}")
    return scene.pose(rng)


def random_scene(rng: Generator, allow_held_out: bool = False) -> Scene:
    """A posed scene of 1 to 5 random objects."""
    while True:
        num_objects = int(rng.integers(1, MAX_OBJECTS + 1))
        zones = [ZONES[index] for index in rng.permutation(len(ZONES))[:num_objects]]
        objects = tuple(
            SceneObject(pick(SHAPES, rng), pick(COLOURS, rng), pick(SIZES, rng), zone) for zone in zones
        )
        scene = Scene(objects, pick(BACKGROUNDS, rng))
        if allow_held_out or not is_held_out(scene):
            return scene.pose(rng)


def _complete(
    request: Request,
    kept: tuple[SceneObject, ...],
    allow_held_out: bool,
    rng: Generator,
    num_tries: int,
) -> Scene | None:
    """A scene of the kept objects and random others, by rejection, or None if none was found."""
    possible = tuple(ways(request, kept))
    if not possible:
        return None
    taken = {thing.zone for thing in kept}
    free = [zone for zone in ZONES if zone not in taken]
    for _ in range(num_tries):
        counts = Counter(pick(possible, rng))
        wanted = [
            group for index, group in enumerate(request.groups) for _ in range(group.count - counts[index])
        ]
        order = rng.permutation(len(free))
        added = tuple(
            SceneObject(
                group.shape,
                group.colour or pick(COLOURS, rng),
                group.size or pick(SIZES, rng),
                free[order[index]],
            )
            for index, group in enumerate(wanted)
        )
        scene = Scene(kept + added, pick(BACKGROUNDS, rng))
        if fulfils(scene, request) and (allow_held_out or not is_held_out(scene)):
            return scene
    return None


Parts = tuple[tuple[Group, ...], Direction | None]


def _sample_single(rng: Generator) -> Parts:
    return (Group(1, pick(SHAPES, rng), None, pick((None, None, *SIZES), rng)),), None


def _sample_two(rng: Generator) -> Parts:
    first, second = (SHAPES[index] for index in rng.permutation(len(SHAPES))[:2])
    return (Group(1, first), Group(1, second)), None


def _sample_counting(rng: Generator) -> Parts:
    return (Group(int(rng.integers(2, MAX_OBJECTS + 1)), pick(SHAPES, rng)),), None


def _sample_colors(rng: Generator) -> Parts:
    return (Group(1, pick(SHAPES, rng), pick(COLOURS, rng)),), None


def _sample_position(rng: Generator) -> Parts:
    return _sample_two(rng)[0], pick(tuple(Direction), rng)


def _sample_attribution(rng: Generator) -> Parts:
    first, second = (COLOURS[index] for index in rng.permutation(len(COLOURS))[:2])
    return (Group(1, pick(SHAPES, rng), first), Group(1, pick(SHAPES, rng), second)), None


def _sample_compound(rng: Generator) -> Parts:
    while True:
        groups = tuple(
            Group(
                pick((1, 1, 1, 2, 2, 3), rng),
                pick(SHAPES, rng),
                pick((None, *COLOURS), rng) if rng.random() < 0.8 else None,
                pick(SIZES, rng) if rng.random() < 0.4 else None,
            )
            for _ in range(pick((1, 2, 2, 3), rng))
        )
        direction = pick(tuple(Direction), rng) if len(groups) == 2 and rng.random() < 0.4 else None
        kinds = {(group.shape, group.colour, group.size) for group in groups}
        fits = sum(group.count for group in groups) <= MAX_OBJECTS and len(kinds) == len(groups)
        if fits and infer_family(groups, direction) is Family.COMPOUND:
            return groups, direction


_SAMPLERS = {
    Family.SINGLE: _sample_single,
    Family.TWO: _sample_two,
    Family.COUNTING: _sample_counting,
    Family.COLORS: _sample_colors,
    Family.POSITION: _sample_position,
    Family.ATTRIBUTION: _sample_attribution,
    Family.COMPOUND: _sample_compound,
}
