"""How nearly a picture shows what GenEval asks for, as a number that rises on the way there."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from irg.scorers.geneval.boxes import relations
from irg.scorers.geneval.finder import Found
from irg.scorers.geneval.verdict import COLOURS, DetectedObject, DetectionLimits, counted, decide

_LIMITS = DetectionLimits()


def grade_objects(asked: Mapping[str, Any], found: Sequence[Found]) -> float:
    """1 for what `decide` calls correct; else half of the mean over the clauses of `asked`, and so below one
    half (as UMM-Reflection grades): half-right is never worth more than half of right.

    Of an object half is being there, by how sure the detector is, or by how far the count is off, and half
    its colour, by how likely CLIP says it is; of one with a place three fifths are being there.
    """
    if decide(asked, counted([one for one, _ in found], asked["tag"])).correct:
        return 1.0
    clauses = [_included(clause, asked["include"], found) for clause in asked["include"]]
    clauses += [_excluded(clause, found) for clause in asked.get("exclude", ())]
    return min(0.5 * fmean(clauses), 0.499)


def _included(
    clause: Mapping[str, Any], others: Sequence[Mapping[str, Any]], found: Sequence[Found]
) -> float:
    there = _presence(clause, found)
    if "color" in clause:
        return 0.5 * there + 0.5 * _coloured(clause, found)
    if "position" in clause:
        relation, target = clause["position"]
        return 0.6 * there + 0.4 * _placed(clause["class"], relation, others[target]["class"], found)
    return there


def _presence(clause: Mapping[str, Any], found: Sequence[Found]) -> float:
    sure = [min(one.score / _LIMITS.threshold, 1.0) for one in _named(clause["class"], found)]
    wanted = clause["count"]
    return max(0.0, 1 - abs(sum(sure) - wanted) / wanted) if wanted > 1 else max(sure, default=0.0)


def _excluded(clause: Mapping[str, Any], found: Sequence[Found]) -> float:
    """1 as long as there are fewer than `count`; the less, the more there are beyond."""
    beyond = sum(min(one.score / _LIMITS.threshold, 1.0) for one in _named(clause["class"], found))
    return 1 / (1 + max(0.0, beyond - (clause["count"] - 1)))


def _coloured(clause: Mapping[str, Any], found: Sequence[Found]) -> float:
    place, likely = COLOURS.index(clause["color"]), [0.0]
    for one, logits in found:
        if one.name == clause["class"] and logits is not None:
            odds = np.exp(np.asarray(logits) - max(logits))
            likely.append(float(odds[place] / odds.sum()))
    return fmean(sorted(likely)[-clause["count"] :])


def _placed(name: str, relation: str, target: str, found: Sequence[Found]) -> float:
    here, there = _named(name, found), _named(target, found)
    if not here or not there:
        return 0.0
    seen = relations(here[0].box, there[0].box, _LIMITS.position_threshold)
    return min(here[0].score, there[0].score) * (relation in seen)


def _named(name: str, found: Sequence[Found]) -> list[DetectedObject]:
    return sorted((one for one, _ in found if one.name == name), key=lambda one: one.score, reverse=True)
