"""What GenEval's scorer can be asked: the metadata of a prompt, and the names in it."""

from collections.abc import Sequence
from typing import Any

from irg.core.settings import shown
from irg.core.values import check_number
from irg.scorers.geneval.verdict import COLOURS

TAGS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
RELATIONS = ("left of", "right of", "above", "below")
NAMES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase"),
    *("frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove"),
    *("skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon"),
    *("bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut"),
    *("cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop"),
    *("computer mouse", "tv remote", "computer keyboard", "cell phone", "microwave", "oven", "toaster"),
    *("sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"),
)
"""Of COCO's classes in their order, as the prompts say them: three are made clearer."""


def check_facts(facts: Any, where: str) -> None:
    """Raises ValueError, which begins with `where`, for what GenEval's scorer cannot be asked."""
    if (
        not isinstance(facts, dict)
        or facts.get("tag") not in TAGS
        or not isinstance(facts.get("prompt"), str)
    ):
        raise ValueError(f"{where}: expected a prompt with one of the tags {', '.join(TAGS)}")
    clauses = facts.get("include")
    if not isinstance(clauses, list) or not clauses:
        raise ValueError(f"{where}: expected a list of what to include")
    for index, clause in enumerate(clauses):
        _check_clause(clause, index, where)
    excluded = facts.get("exclude", [])
    if not isinstance(excluded, list):
        raise ValueError(f"{where}: exclude {shown(excluded)}: expected a list")
    for clause in excluded:
        _check_clause(clause, 0, where)


def _check_clause(clause: Any, index: int, where: str) -> None:
    if not isinstance(clause, dict):
        raise ValueError(f"{where}: {shown(clause)}: expected a class with its count")
    _check_one(clause.get("class"), NAMES, f"{where}: class")
    check_number(f"{where}: count", clause.get("count"), 1, whole=True)
    if "color" in clause:
        _check_one(clause["color"], COLOURS, f"{where}: color")
    if "position" in clause:
        position = clause["position"]
        if not isinstance(position, list) or len(position) != 2:
            raise ValueError(f"{where}: position {shown(position)}: expected a relation and a number")
        relation, target = position
        _check_one(relation, RELATIONS, f"{where}: position")
        if target not in range(index):
            raise ValueError(f"{where}: position of {target!r}: expected the number of an earlier object")


def _check_one(value: Any, known: Sequence[str], where: str) -> None:
    if value not in known:
        raise ValueError(f"{where} {shown(value)}: expected one of {', '.join(known)}")
