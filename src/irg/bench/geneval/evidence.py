"""Evidence of GenEval: the objects of a picture as a row keeps them, and the verdict that follows from it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from irg.bench.protocol import EvidenceRow
from irg.scorers.geneval.asked import NAMES
from irg.scorers.geneval.verdict import DetectedObject, GenevalVerdict, counted, decide

_NUMBERS = {name: number for number, name in enumerate(NAMES)}
OBJECTS, VERDICT = "objects", "verdict"
"""The question that our detector answers, and the one that the official code answers."""


def as_evidence(objects: Iterable[tuple[DetectedObject, Sequence[float] | None]]) -> dict[str, Any]:
    """Objects, each with the logits of its colours if anyone looked."""
    return {"objects": [_object(one, logits) for one, logits in objects]}


def objects_of(evidence: Mapping[str, Any], names: Collection[str] = NAMES) -> list[DetectedObject]:
    """Those of some classes."""
    wanted = {_NUMBERS[name] for name in names}
    return [
        DetectedObject(NAMES[one["class"]], tuple(one["box"]), one["score"], one.get("colour"))
        for one in evidence["objects"]
        if one["class"] in wanted
    ]


def verdict_of(asked: Mapping[str, Any], rows: Mapping[str, EvidenceRow]) -> GenevalVerdict:
    """The verdict on a picture: from its objects, or the official code's own."""
    if VERDICT in rows:
        found = rows[VERDICT].evidence
        return GenevalVerdict(found["correct"], tuple(found["reason"].splitlines()))
    clauses = (*asked["include"], *asked.get("exclude", ()))
    objects = objects_of(rows[OBJECTS].evidence, {clause["class"] for clause in clauses})
    return decide(asked, counted(objects, asked["tag"]))


def _object(found: DetectedObject, logits: Sequence[float] | None) -> dict[str, Any]:
    kept: dict[str, Any] = {"class": _NUMBERS[found.name], "box": list(found.box), "score": found.score}
    if found.colour is not None:
        kept["colour"] = found.colour
    if logits is not None:
        kept["colours"] = [round(logit, 4) for logit in logits]
    return kept
