"""Which kinds of constraints meet in a request, and which of them never do in training."""

from __future__ import annotations

from enum import StrEnum

from irg.world2.request import Request


class Constraint(StrEnum):
    """The kinds of things that a request can ask for."""

    COUNT = "count"
    COLOUR = "colour"
    TEXTURE = "texture"
    SIZE = "size"
    THREE_GROUPS = "three groups"
    DIRECTION = "direction"
    LAYERING = "layering"
    TWO_RELATIONS = "two relations"
    COMPARISON = "comparison"
    NEGATION = "negation"


# Kinds of constraints that never meet in a training request, each of them well known by itself.
CHALLENGES: tuple[frozenset[Constraint], ...] = (
    frozenset({Constraint.NEGATION, Constraint.LAYERING}),
    frozenset({Constraint.NEGATION, Constraint.COMPARISON}),
    frozenset({Constraint.COMPARISON, Constraint.DIRECTION}),
    frozenset({Constraint.LAYERING, Constraint.DIRECTION}),
    frozenset({Constraint.THREE_GROUPS, Constraint.TEXTURE, Constraint.TWO_RELATIONS}),
)


def constraints(request: Request) -> frozenset[Constraint]:
    """The kinds of constraints that meet in a request."""
    said = {name for group in request.groups for name in group.kind.attributes}
    layered = [link for link in request.links if link.relation.overlap]
    present = {
        Constraint.COUNT: any((group.count or 0) > 1 for group in request.groups),
        Constraint.COLOUR: "colour" in said,
        Constraint.TEXTURE: "texture" in said,
        Constraint.SIZE: "size" in said,
        Constraint.THREE_GROUPS: len(request.groups) > 2,
        Constraint.DIRECTION: len(layered) < len(request.links),
        Constraint.LAYERING: bool(layered),
        Constraint.TWO_RELATIONS: len(request.links) > 1,
        Constraint.COMPARISON: request.comparison is not None,
        Constraint.NEGATION: bool(request.excluded),
    }
    return frozenset(constraint for constraint, is_present in present.items() if is_present)


def is_challenge(request: Request) -> bool:
    met = constraints(request)
    return any(challenge <= met for challenge in CHALLENGES)
