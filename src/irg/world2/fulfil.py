"""Random scenes: exactly what a request asks for, or anything at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.random import Generator

from irg.world2.arrange import Wanted, arranged
from irg.world2.matching import fulfils
from irg.world2.overlap import Overlap, can_overlap
from irg.world2.placing import Region, placed, stacked
from irg.world2.request import Group, Link, Request, SpatialRelation, options, requires_held_out
from irg.world2.scene import (
    BACKGROUNDS,
    MAX_OBJECTS,
    MAX_SPACE,
    SIZES,
    SPACE,
    Looks,
    Scene,
    SceneObject,
    Size,
    is_held_out,
    is_held_out_kind,
    is_possible,
    pick,
)

_NUM_TRIES = 250
_NUM_KIND_TRIES = 60


def fulfil(request: Request, rng: Generator, allow_held_out: bool = False) -> Scene:
    """A random scene that is exactly what was asked for, in its random rest.

    Held-out combinations are avoided unless allowed or required. ValueError if no scene is found.
    """
    allow_held_out = allow_held_out or requires_held_out(request)
    for _ in range(_NUM_TRIES):
        wanted = _wanted(request, allow_held_out, rng)
        things = arranged(request, wanted, rng, num_tries=4) if wanted else None
        if things is None:
            continue
        scene = Scene(things, pick(BACKGROUNDS, rng))
        if fulfils(scene, request) and (allow_held_out or not is_held_out(scene)):
            return scene
    raise ValueError(f"no scene found for {request}")


def random_scene(rng: Generator, allow_held_out: bool = False, overlap_share: float = 0.3) -> Scene:
    """A scene of 1 to 9 random objects, of which two overlap in about such a share of larger scenes."""
    while True:
        num_objects = int(rng.integers(1, MAX_OBJECTS + 1))
        things = _random_pair(rng) if num_objects > 1 and rng.random() < overlap_share else []
        while things is not None and len(things) < num_objects:
            left = MAX_SPACE - sum(SPACE[thing.size] for thing in things)
            kind = random_kind(Looks(), rng, avoid_held_out=not allow_held_out)
            if kind is None or least_space_of(kind) > left:
                kind = random_kind(Looks(size=Size.SMALL), rng, avoid_held_out=not allow_held_out)
            thing = placed(kind, things, Region(), rng) if kind and least_space_of(kind) <= left else None
            if thing is None:
                break
            things.append(thing)
        if not things:
            continue
        scene = Scene(tuple(things), pick(BACKGROUNDS, rng))
        if allow_held_out or not is_held_out(scene):
            return scene


def least_space_of(kind: Looks) -> int:
    assert kind.size is not None
    return SPACE[kind.size]


def random_kind(
    base: Looks, rng: Generator, request: Request | None = None, avoid_held_out: bool = True
) -> Looks | None:
    """A whole kind that keeps what the base says and that the request allows; None if there is none.

    A held-out combination is avoided where the rest can be chosen so.
    """
    found = options(base, request)
    if not found:
        return None
    kind: Looks | None = None
    for _ in range(_NUM_KIND_TRIES):
        surface = pick(found["surface"], rng)
        kind = replace(
            surface, shape=pick(found["shape"], rng).shape, colour=pick(found["colour"], rng).colour
        )
        if not (avoid_held_out and is_held_out_kind(kind)):
            break
    return kind


def layered_kinds(
    link: Link, upper: Looks, lower: Looks, request: Request, rng: Generator, avoid_held_out: bool = True
) -> tuple[Looks, Looks] | None:
    """Whole kinds for two objects of which the one is to lie on the other; None if none were found."""
    overlap = link.relation.overlap
    assert overlap is not None
    for _ in range(_NUM_KIND_TRIES):
        sizes = (
            (Size.SMALL, Size.LARGE)
            if overlap is Overlap.INSIDE
            else (pick(SIZES[1:], rng), pick(SIZES[1:], rng))
        )
        kinds = [
            random_kind(replace(base, size=base.size or size), rng, request, avoid_held_out)
            for base, size in zip((upper, lower), sizes, strict=True)
        ]
        if kinds[0] is None or kinds[1] is None:
            return None
        if can_overlap(overlap, kinds[0], kinds[1]):
            return kinds[0], kinds[1]
    return None


def settled(request: Request, counts: tuple[int, int]) -> Request | None:
    """The request with definite counts in place of the two that are compared; None if they are too many."""
    if request.comparison is None or not request.comparison.holds(*counts):
        return None
    closed = [Group(count, group.kind) for count, group in zip(counts, request.groups[-2:], strict=True)]
    try:
        return replace(request, groups=(*request.groups[:-2], *closed), comparison=None)
    except ValueError:
        return None


def settlements(request: Request) -> tuple[Request, ...]:
    """The request with every pair of definite counts that it can have; itself if none is open."""
    if request.comparison is None:
        return (request,)
    counts = range(1, MAX_OBJECTS)
    found = (settled(request, (first, second)) for first in counts for second in counts)
    return tuple(one for one in found if one is not None)


def shrunk_to_fit(wanted: Sequence[Wanted], request: Request, rng: Generator) -> list[Wanted] | None:
    """The same with smaller sizes where they are open, until all have room; None if they can't have."""
    fitted = list(wanted)
    layered = {index for link in request.links if link.relation.overlap for index in link.layers}
    while sum(least_space_of(one.kind) for one in fitted) > MAX_SPACE:
        smaller = [
            (i, kind)
            for i, one in enumerate(fitted)
            if one.thing is None
            and one.group not in layered
            and request.groups[one.group].kind.size is None
            and (kind := _smaller(one.kind)) is not None
            and request.allows(kind)
        ]
        if not smaller:
            return None
        index, kind = pick(smaller, rng)
        fitted[index] = replace(fitted[index], kind=kind)
    return fitted


def _smaller(kind: Looks) -> Looks | None:
    assert kind.size is not None
    place = SIZES.index(kind.size)
    smaller = replace(kind, size=SIZES[place - 1]) if place else None
    return smaller if smaller is not None and is_possible(smaller) else None


def _wanted(request: Request, allow_held_out: bool, rng: Generator) -> list[Wanted] | None:
    """Whole kinds for all objects of a request; None if a random choice did not work out."""
    request = pick(settlements(request), rng)
    wanted: list[Wanted] = []
    layered: dict[int, Looks] = {}
    for link in request.links:
        if link.relation.overlap:
            upper, lower = link.layers
            bases = request.groups[upper].kind, request.groups[lower].kind
            kinds = layered_kinds(link, *bases, request, rng, not allow_held_out)
            if kinds is None:
                return None
            layered |= {upper: kinds[0], lower: kinds[1]}
    for index, group in enumerate(request.groups):
        for _ in range(group.count or 0):
            kind = layered.get(index) or random_kind(group.kind, rng, request, not allow_held_out)
            if kind is None:
                return None
            wanted.append(Wanted(index, kind))
    return shrunk_to_fit(wanted, request, rng)


def _random_pair(rng: Generator) -> list[SceneObject]:
    """Two objects of which one lies on the other; none if no place was found."""
    relation = pick((SpatialRelation.INSIDE, SpatialRelation.IN_FRONT), rng)
    anything = Request((Group(1, Looks()),))
    kinds = layered_kinds(Link(relation, 0, 1), Looks(), Looks(), anything, rng)
    lower = placed(kinds[1], (), Region(), rng) if kinds else None
    if kinds is None or lower is None or relation.overlap is None:
        return []
    upper = stacked(relation.overlap, kinds[0], lower, (), Region(), rng)
    return [lower, upper] if upper else []
