"""A coarse plan of a picture: which groups, how many, of what kind and roughly where.

"Plan: two small red stars left-half, one large plain blue circle right, first left of second, on sky."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from irg.world2.inventory import kind_words, parse_kind
from irg.world2.matching import exact_members
from irg.world2.request import Link, Request, SpatialRelation
from irg.world2.scene import IMAGE_SIZE, Background, Looks, Scene, SceneObject, Zone
from irg.world2.wording import NUMBER_WORDS

ORDINALS = ("first", "second", "third")


class Half(StrEnum):
    """Where a group is that is not in one zone."""

    TOP = "top-half"
    BOTTOM = "bottom-half"
    LEFT = "left-half"
    RIGHT = "right-half"
    ANYWHERE = "anywhere"

    def holds(self, thing: SceneObject) -> bool:
        middle = IMAGE_SIZE / 2
        return {
            Half.TOP: thing.pose.y < middle,
            Half.BOTTOM: thing.pose.y >= middle,
            Half.LEFT: thing.pose.x < middle,
            Half.RIGHT: thing.pose.x >= middle,
        }.get(self, True)


@dataclass(frozen=True)
class PlannedGroup:
    """So many objects that have this in common, in a zone or a half of the picture."""

    count: int
    kind: Looks
    area: Zone | Half


@dataclass(frozen=True)
class ScenePlan:
    """What a picture is to show; links are between groups by index."""

    groups: tuple[PlannedGroup, ...]
    links: tuple[Link, ...]
    background: Background


def plan_of(request: Request, scene: Scene) -> ScenePlan:
    """The plan of a scene that fulfils the request: its groups as the request names them."""
    members = exact_members(request, scene.objects)
    groups = tuple(_planned([scene.objects[index] for index in indices]) for indices in members if indices)
    if sum(group.count for group in groups) != len(scene.objects) or len(groups) != len(request.groups):
        raise ValueError("only a scene that fulfils the request has a plan")
    return ScenePlan(groups, request.links, scene.background)


def agrees(plan: ScenePlan, request: Request) -> bool:
    """Whether a picture drawn to the plan would be what the request asks for, as far as the plan says."""
    if len(plan.groups) != len(request.groups) or set(plan.links) != set(request.links):
        return False
    for planned, group in zip(plan.groups, request.groups, strict=True):
        asked, said = group.kind.attributes, planned.kind.attributes
        if not asked.items() <= said.items() or group.count not in (None, planned.count):
            return False
        if not request.allows(planned.kind):
            return False
    counts = plan.groups[-2:]
    return request.comparison is None or request.comparison.holds(counts[0].count, counts[1].count)


def plan_text(plan: ScenePlan) -> str:
    parts = [
        f"{NUMBER_WORDS[group.count]} {kind_words(group.kind, group.count > 1)} {group.area}"
        for group in plan.groups
    ]
    parts += [f"{ORDINALS[link.first]} {link.relation} {ORDINALS[link.second]}" for link in plan.links]
    return f"Plan: {', '.join(parts)}, on {plan.background}."


def parse_plan(text: str) -> ScenePlan:
    """The plan behind a text of `plan_text`; ValueError for any other."""
    if not (text.startswith("Plan: ") and text.endswith(".")):
        raise ValueError(f"not a plan: {text!r}")
    *parts, last = text[len("Plan: ") : -1].split(", ")
    if not last.startswith("on "):
        raise ValueError(f"a plan ends with its background: {text!r}")
    is_link = [part.split(" ")[0] in ORDINALS for part in parts]
    groups = tuple(_parse_group(part) for part, linked in zip(parts, is_link, strict=True) if not linked)
    links = tuple(_parse_link(part) for part, linked in zip(parts, is_link, strict=True) if linked)
    plan = ScenePlan(groups, links, Background(last.removeprefix("on ")))
    if not groups or plan_text(plan) != text:
        raise ValueError(f"not a plan: {text!r}")
    return plan


def _planned(things: Sequence[SceneObject]) -> PlannedGroup:
    first = things[0].kind.attributes
    shared = {
        name: value
        for name, value in first.items()
        if all(thing.kind.attributes[name] == value for thing in things)
    }
    zones = {thing.zone for thing in things}
    if len(zones) == 1:
        area: Zone | Half = things[0].zone
    else:
        area = next(half for half in Half if all(half.holds(thing) for thing in things))
    return PlannedGroup(len(things), Looks(**shared), area)  # pyright: ignore[reportArgumentType]


def _parse_group(part: str) -> PlannedGroup:
    number, _, rest = part.partition(" ")
    words, _, area = rest.rpartition(" ")
    if number not in NUMBER_WORDS[1:]:
        raise ValueError(f"not a planned group: {part!r}")
    where = Zone(area) if area in set(Zone) else Half(area)
    return PlannedGroup(NUMBER_WORDS.index(number), parse_kind(words), where)


def _parse_link(part: str) -> Link:
    first, *relation, second = part.split(" ")
    if second not in ORDINALS:
        raise ValueError(f"not a planned relation: {part!r}")
    return Link(SpatialRelation(" ".join(relation)), ORDINALS.index(first), ORDINALS.index(second))
