"""The scene with the least changed that is what a request asks for.

Right objects stay exactly where they are, wrong and unclear ones change in place, missing ones are added at
free places, extras go, and objects move only if a relation forces them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.random import Generator

from irg.world2.arrange import Wanted, arranged, can_stay
from irg.world2.fulfil import fulfil, layered_kinds, random_kind, settlements, shrunk_to_fit
from irg.world2.matching import assignments, exact_members, fulfils, wrong_attributes
from irg.world2.overlap import can_overlap, extent, stackings
from irg.world2.placing import EDGE, Region, is_allowed, is_free
from irg.world2.request import Request
from irg.world2.scene import (
    MAX_ANGLE,
    RADIUS_RANGES,
    ZONE_MARGIN,
    Looks,
    Scene,
    SceneObject,
    is_possible,
    pick,
)

_NUM_NUDGES = 80
_NUDGE = 14.0  # pixels that an object is shifted at most when it grows in place
_MAX_ATTEMPTS = 120


def mend(request: Request, scene: Scene, rng: Generator, unclear: Collection[SceneObject] = ()) -> Scene:
    """A scene that fulfils the request and is as much as possible like the one seen.

    `unclear` are objects of the scene that are to be drawn anew even if they are what was asked for.
    """
    if not unclear and fulfils(scene, request):
        return scene
    request = _nearest_settlement(request, scene.objects, rng)
    doubtful = {index for index, thing in enumerate(scene.objects) if any(thing is one for one in unclear)}
    wanted = _changed_in_place(request, scene.objects, doubtful, rng)
    wanted = _with_kinds_for_layers(request, wanted, rng)
    wanted = _apart(request, wanted, rng)
    fitted = shrunk_to_fit(wanted, request, rng)
    if fitted is not None:
        for attempt, trial in enumerate(_with_less_staying(request, fitted)):
            things = arranged(request, trial, rng, num_tries=3)
            if things is not None and fulfils(mended := Scene(things, scene.background), request):
                return mended
            if attempt >= _MAX_ATTEMPTS:
                break
        anew = [replace(one, thing=None) for one in fitted]
        things = arranged(request, anew, rng, num_tries=60)
        if things is not None and fulfils(mended := Scene(things, scene.background), request):
            return mended
    return replace(fulfil(request, rng), background=scene.background)


def _nearest_settlement(request: Request, objects: Sequence[SceneObject], rng: Generator) -> Request:
    """The request with the definite counts that take the fewest changes to reach."""
    if request.comparison is None:
        return request
    members = [len(indices) for indices in exact_members(request, objects)]
    num_others = len(objects) - sum(members)

    def num_changes(settlement: Request) -> int:
        counts = [group.count or 0 for group in settlement.groups]
        surplus = sum(max(seen - count, 0) for seen, count in zip(members, counts, strict=True)) + num_others
        deficit = sum(max(count - seen, 0) for seen, count in zip(members, counts, strict=True))
        return max(surplus, deficit)

    options = settlements(request)
    least = min(map(num_changes, options))
    return pick([option for option in options if num_changes(option) == least], rng)


def _changed_in_place(
    request: Request, objects: Sequence[SceneObject], doubtful: Collection[int], rng: Generator
) -> list[Wanted]:
    seating = assignments(request, objects, doubtful)
    wanted = []
    for seat in seating.seats:
        group = request.groups[seat.group]
        if seat.index is None:
            kind = random_kind(group.kind, rng, request)
            assert kind is not None, f"nothing can be {group.kind} in {request}"
            wanted.append(Wanted(seat.group, kind))
            continue
        thing = objects[seat.index]
        wrong = wrong_attributes(request, group, thing)
        if not wrong and seat.index not in doubtful:
            wanted.append(Wanted(seat.group, thing.kind, thing))
            continue
        kind = _nearest_kind(request, group.kind, thing.kind, wrong, rng)
        wanted.append(Wanted(seat.group, kind, redrawn(thing, kind, rng)))
    return wanted


def _nearest_kind(
    request: Request, wanted: Looks, seen: Looks, wrong: Sequence[str], rng: Generator
) -> Looks:
    """What was seen, with what is wrong as wanted, and with as little else changed as the world allows."""
    base = replace(seen, **{name: wanted.attributes.get(name) for name in wrong})
    for opened in (
        (),
        ("texture",),
        ("size",),
        ("colour", "texture", "size"),
        ("shape", "colour", "texture", "size"),
    ):
        loose = replace(base, **{name: None for name in opened if name not in wanted.attributes})
        if loose.is_whole and is_possible(loose) and request.allows(loose):
            return loose
        if not loose.is_whole and (kind := random_kind(loose, rng, request)) is not None:
            return kind
    raise AssertionError(f"nothing can be {wanted} in {request}")


def redrawn(thing: SceneObject, kind: Looks, rng: Generator) -> SceneObject:
    """An object of another kind in the place of this one, well-formed, and within the picture."""
    assert kind.size is not None
    low, high = RADIUS_RANGES[kind.size]
    radius = thing.pose.radius if low <= thing.pose.radius <= high else float(rng.uniform(low, high))
    angle = min(max(thing.pose.angle, -MAX_ANGLE), MAX_ANGLE)
    changed = SceneObject(kind, replace(thing.pose, radius=radius, angle=angle, waves=()))
    frame = Region.of(thing.zone).shrunk(ZONE_MARGIN).within(Region().shrunk(extent(changed) + EDGE))
    x, y = min(max(thing.pose.x, frame.left), frame.right), min(max(thing.pose.y, frame.top), frame.bottom)
    return replace(changed, pose=replace(changed.pose, x=x, y=y))


def _with_kinds_for_layers(request: Request, wanted: Sequence[Wanted], rng: Generator) -> list[Wanted]:
    """The same, with what is open about objects that are to lie on one another chosen so that they can."""
    suited = list(wanted)
    for link in request.links:
        if link.relation.overlap is None:
            continue
        up, down = (next(i for i, one in enumerate(suited) if one.group == group) for group in link.layers)
        upper, lower = suited[up], suited[down]
        if can_overlap(link.relation.overlap, upper.kind, lower.kind):
            continue
        asked = [request.groups[one.group].kind for one in (upper, lower)]
        sizeless = replace(lower.kind, size=asked[1].size), replace(upper.kind, size=asked[0].size)
        options = ((sizeless[1], sizeless[0]), (asked[0], sizeless[0]), (asked[0], asked[1]))
        kinds = next((found for one in options if (found := layered_kinds(link, *one, request, rng))), None)
        assert kinds is not None, f"nothing can be so layered: {request}"
        for index, kind in zip((up, down), kinds, strict=True):
            one = suited[index]
            if kind != one.kind:
                thing = None if one.thing is None else redrawn(one.thing, kind, rng)
                suited[index] = replace(one, kind=kind, thing=thing)
    return suited


def _apart(request: Request, wanted: Sequence[Wanted], rng: Generator) -> list[Wanted]:
    """The same, with each object that was changed shifted off the others, or without a place."""
    settled = list(wanted)
    staying = [one.thing for one in wanted if one.thing is not None]
    for index, one in enumerate(wanted):
        thing = one.thing
        if thing is None or thing.kind != one.kind:
            continue
        partners = _partners(request, wanted, one)
        others = [other for other in staying if other is not thing and not any(other is p for p in partners)]
        touching = any(0 in (pair.upper, pair.lower) for pair in stackings((thing, *others)))
        if touching and not is_free(thing, others) and _is_new(thing):
            shifted = _nudged(thing, others, rng)
            settled[index] = replace(one, thing=shifted)
            staying = [other for other in staying if other is not thing] + ([shifted] if shifted else [])
    return settled


def _is_new(thing: SceneObject) -> bool:
    return is_allowed(thing, Region())


def _partners(request: Request, wanted: Sequence[Wanted], one: Wanted) -> list[SceneObject]:
    """The objects that this one is asked to lie on, or under."""
    groups = {
        other
        for link in request.links
        if link.relation.overlap and one.group in link.layers
        for other in link.layers
    }
    return [
        other.thing
        for other in wanted
        if other.group in groups and other is not one and other.thing is not None
    ]


def _nudged(thing: SceneObject, others: Sequence[SceneObject], rng: Generator) -> SceneObject | None:
    """The object at the nearest free place of its zone, if there is one close by."""
    shifts = rng.uniform(-_NUDGE, _NUDGE, (_NUM_NUDGES, 2))
    for dx, dy in shifts[np.argsort(np.hypot(*shifts.T))]:
        moved = replace(
            thing, pose=replace(thing.pose, x=thing.pose.x + float(dx), y=thing.pose.y + float(dy))
        )
        if is_allowed(moved, Region.of(thing.zone)) and is_free(moved, others):
            return moved
    return None


def _with_less_staying(request: Request, wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """The same with no, one, two and three of the objects to be moved, as far as the rest can stay."""
    placed = [index for index, one in enumerate(wanted) if one.thing is not None]
    related = {group for link in request.links for group in (link.first, link.second)}
    placed.sort(key=lambda index: wanted[index].group not in related)
    for number in range(min(len(placed), 3) + 1):
        for moved in combinations(placed, number):
            trial = [replace(one, thing=None) if index in moved else one for index, one in enumerate(wanted)]
            if can_stay(request, trial):
                yield trial
