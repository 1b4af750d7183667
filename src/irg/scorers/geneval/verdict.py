"""The verdict of GenEval on one picture: which of the detected objects count, and whether they are as asked.

What is asked is the metadata of the benchmark's prompts: objects to `include`, with how many and perhaps
their colour and their place as seen from an earlier one, and counts to `exclude`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from irg.scorers.geneval.boxes import Box, overlap, relations

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")


@dataclass(frozen=True)
class DetectionLimits:
    """What counts as an object, and as a place; the defaults are the benchmark's."""

    threshold: float = 0.3
    counting_threshold: float = 0.9
    max_objects: int = 16
    max_overlap: float = 1.0
    """Of two objects of a class that overlap as much the surer one counts; 1: both do."""
    position_threshold: float = 0.1


@dataclass(frozen=True)
class DetectedObject:
    """What a detector found: a class, where, how sure (a value of float32), and the colour if asked."""

    name: str
    box: Box
    score: float
    colour: str | None = None


@dataclass(frozen=True)
class GenevalVerdict:
    """Whether a picture shows what was asked for, and in the official words what it does not."""

    correct: bool
    reasons: tuple[str, ...]


def counted(
    objects: Sequence[DetectedObject], tag: str, limits: DetectionLimits | None = None
) -> dict[str, list[DetectedObject]]:
    """The objects that count for a prompt of this tag, by class, the surest first; of equals the last."""
    limits = limits or DetectionLimits()
    least = float(np.float32(limits.counting_threshold if tag == "counting" else limits.threshold))
    by_class: dict[str, list[DetectedObject]] = {}
    sure = [found for found in reversed(objects) if found.score > least]
    for found in sorted(sure, key=attrgetter("score"), reverse=True):
        by_class.setdefault(found.name, []).append(found)
    return {name: _apart(some[: limits.max_objects], limits) for name, some in by_class.items()}


def decide(
    asked: Mapping[str, Any],
    objects: Mapping[str, Sequence[DetectedObject]],
    limits: DetectionLimits | None = None,
) -> GenevalVerdict:
    """Whether the objects that count are what the metadata of a prompt asks for.

    Raises ValueError where the colour of an object is asked for and not known.
    """
    limits = limits or DetectionLimits()
    reasons: list[str] = []
    matched: list[Sequence[DetectedObject] | None] = []
    for clause in asked.get("include", ()):
        found = objects.get(clause["class"], ())[: clause["count"]]
        wrong = _wrong(clause, found, matched, limits)
        reasons += wrong
        matched.append(None if wrong else found)
    for clause in asked.get("exclude", ()):
        name, most = clause["class"], clause["count"]
        if (number := len(objects.get(name, ()))) >= most:
            reasons.append(f"expected {name}<{most}, found {number}")
    return GenevalVerdict(not reasons, tuple(reasons))


def _apart(objects: list[DetectedObject], limits: DetectionLimits) -> list[DetectedObject]:
    if limits.max_overlap == 1:
        return objects
    kept: list[DetectedObject] = []
    for found in objects:
        if all(overlap(other.box, found.box) < limits.max_overlap for other in kept):
            kept.append(found)
    return kept


def _wrong(
    clause: Mapping[str, Any],
    found: Sequence[DetectedObject],
    matched: Sequence[Sequence[DetectedObject] | None],
    limits: DetectionLimits,
) -> list[str]:
    """What is wrong with the objects that a clause asks for: their number, else their colour, else their
    place."""
    name, count = clause["class"], clause["count"]
    if len(found) < count:
        return [f"expected {name}>={count}, found {len(found)}"]
    if (colour := clause.get("color")) is not None:
        seen = Counter(_colour(one) for one in found)
        if seen[colour] < count:
            others = ", ".join(f"{seen[one]} {one}" for one in COLOURS if one in seen)
            return [f"expected {colour} {name}>={count}, found {seen[colour]} {colour}; and {others}"]
    if (place := clause.get("position")) is not None:
        return _misplaced(name, found, place[0], matched[place[1]], limits)
    return []


def _misplaced(
    name: str,
    found: Sequence[DetectedObject],
    relation: str,
    targets: Sequence[DetectedObject] | None,
    limits: DetectionLimits,
) -> list[str]:
    if targets is None:
        return [f"no target for {name} to be {relation}"]
    for one in found:
        for target in targets:
            seen = relations(one.box, target.box, limits.position_threshold)
            if relation not in seen:
                return [f"expected {name} {relation} target, found {' and '.join(seen)} target"]
    return []


def _colour(found: DetectedObject) -> str:
    if found.colour is None:
        raise ValueError(f"the colour of a {found.name} is asked for, but there is no evidence of it")
    return found.colour
