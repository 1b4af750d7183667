"""The families of requests, by which they are drawn and benchmarks report."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from irg.world2.request import Group, Request


class Family(StrEnum):
    """The six GenEval families, five that go beyond them, and compounds."""

    SINGLE = "single"
    TWO = "two"
    COUNTING = "counting"
    COLORS = "colors"
    POSITION = "position"
    ATTRIBUTION = "attribution"
    TEXTURE = "texture"
    OVERLAP = "overlap"
    COMPARISON = "comparison"
    NEGATION = "negation"
    COMPOUND = "compound"


def infer_family(request: Request) -> Family:
    groups, said = request.groups, [set(group.kind.attributes) for group in request.groups]
    if request.comparison and not request.links and not request.excluded and len(groups) == 2:
        return Family.COMPARISON
    if request.excluded and not request.links and len(groups) <= 2 and not request.comparison:
        return Family.NEGATION
    if request.comparison or request.excluded or len(groups) > 2 or any("shape" not in one for one in said):
        return Family.COMPOUND
    if any("size" in one for one in said) and len(groups) + len(request.links) > 1:
        return Family.COMPOUND
    return _family_of_one(groups[0], said[0]) if len(groups) == 1 else _family_of_two(request, said)


def _family_of_one(group: Group, said: set[str]) -> Family:
    if group.count == 1 and said <= {"shape", "size"}:
        return Family.SINGLE
    if "size" in said or (group.count != 1 and len(said) > 1):
        return Family.COMPOUND
    if group.count != 1:
        return Family.COUNTING
    return Family.TEXTURE if "texture" in said else Family.COLORS


def _family_of_two(request: Request, said: Sequence[set[str]]) -> Family:
    if any(group.count != 1 for group in request.groups):
        return Family.COMPOUND
    if request.links:
        if (
            len(request.links) == 1
            and request.links[0].relation.overlap
            and "texture" not in said[0] | said[1]
        ):
            return Family.OVERLAP
        only_shapes = all(one == {"shape"} for one in said)
        return Family.POSITION if only_shapes and len(request.links) == 1 else Family.COMPOUND
    if all(one == {"shape"} for one in said):
        return Family.TWO
    if all("texture" in one for one in said):
        return Family.TEXTURE
    return Family.ATTRIBUTION if all(one == {"shape", "colour"} for one in said) else Family.COMPOUND
