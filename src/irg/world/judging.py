"""What a reading means for a request: whether the picture is right, and what the next one should be."""

from collections import Counter
from dataclasses import replace

from numpy.random import Generator

from irg.world.flaws import Flaw, compare
from irg.world.grammar import fulfil
from irg.world.reading import Reading
from irg.world.request import Group, Request, assignments, fulfils, ways
from irg.world.scene import Scene, SceneObject, Shape, fitted_pose
from irg.world.wording import group_text, phrase


def judge(request: Request, reading: Reading) -> tuple[str, ...]:
    """What is wrong with a picture, in plain words.

    Nothing is, if it shows the requested objects and no others, all clear, in the asked relation.
    """
    objects = tuple(seen.thing for seen in reading.objects)
    flaws = [*reading.problems]
    flaws += [f"the object at {seen.thing.zone} is unclear" for seen in reading.objects if not seen.clear]
    flaws += (
        _wrong_counts(request, objects) or _wrong_looks(request, objects) or _wrong_relation(request, objects)
    )
    return tuple(flaws)


def repair(
    request: Request, reading: Reading, plan: Scene | None, rng: Generator
) -> tuple[Scene, tuple[Flaw, ...]]:
    """The scene that the next picture should show, and what is wrong with this one compared to it.

    The plan is the target if it fulfils the request, else a scene that keeps what it can of the picture.
    Objects that are right already stay exactly where they were drawn. Others take the place of what was drawn
    in their zone, as far as a clean object of their size may be there: mending a shape is easier than drawing
    it anew somewhere else.
    """
    drawn = tuple(
        seen.thing for seen in reading.objects if seen.clear and seen.thing.zone not in reading.unclear_zones
    )
    if plan is not None and fulfils(plan, request):
        target = _with_poses_of(plan.content, drawn).pose(rng)
    else:
        target = fulfil(request, rng, keep=drawn)
        target = replace(target, background=plan.background if plan else reading.background)
    target = _redrawn_in_place(target, drawn, reading)
    return target, compare(reading, target)


def _with_poses_of(plan: Scene, drawn: tuple[SceneObject, ...]) -> Scene:
    poses = {thing.content: thing.pose for thing in drawn}
    return replace(
        plan, objects=tuple(replace(thing, pose=poses.get(thing.content)) for thing in plan.objects)
    )


def _redrawn_in_place(target: Scene, kept: tuple[SceneObject, ...], reading: Reading) -> Scene:
    places = {seen.zone: seen.pose for seen in reading.scene.objects}

    def redrawn(thing: SceneObject) -> SceneObject:
        place = places.get(thing.zone)
        if place is None or thing in kept:
            return thing
        return replace(thing, pose=fitted_pose(place, thing.zone, thing.size))

    return replace(target, objects=tuple(map(redrawn, target.objects)))


def _wrong_counts(request: Request, objects: tuple[SceneObject, ...]) -> list[str]:
    wanted: Counter[Shape] = Counter()
    for group in request.groups:
        wanted[group.shape] += group.count
    seen = Counter(thing.shape for thing in objects)
    return [
        f"wanted {_some(wanted[shape], shape)}, see {seen[shape] or 'none'}"
        for shape in Shape
        if wanted[shape] != seen[shape]
    ]


def _wrong_looks(request: Request, objects: tuple[SceneObject, ...]) -> list[str]:
    """The groups short of objects, where all shapes are there but cannot be matched to the groups."""
    if any(assignments(request, objects)):
        return []
    found = [sum(group.matches(thing) for thing in objects) for group in request.groups]
    short = [
        f"wanted {group_text(group)}, see {number or 'none'}"
        for group, number in zip(request.groups, found, strict=True)
        if number < group.count
    ]
    return short or [f"the objects cannot be told apart as {phrase(request)}"]


def _wrong_relation(request: Request, objects: tuple[SceneObject, ...]) -> list[str]:
    if request.direction is None or next(ways(request, objects), None) is not None:
        return []
    first, second = (_the(group) for group in request.groups[:2])
    verb = "is" if request.groups[0].count == 1 else "are"
    return [f"{first} {verb} not {request.direction} {second}"]


def _some(count: int, shape: Shape) -> str:
    if count == 0:
        return f"no {shape}"
    return f"{count} {shape}" if count == 1 else f"{count} {shape}s"


def _the(group: Group) -> str:
    """A group as something already mentioned: "the red circle"."""
    _, _, words = group_text(group).partition(" ")
    return f"the {words}"
