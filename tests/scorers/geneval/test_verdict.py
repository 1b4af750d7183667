import numpy as np
import pytest

from irg.scorers.geneval.verdict import DetectedObject, DetectionLimits, counted, decide
from tests.bench.cases import Cases

CASES = Cases("geneval_cases.json", "cases")
A_RED_CUP = {"tag": "colors", "include": [{"class": "cup", "count": 1, "color": "red"}]}


def in_order(reason: str) -> str:
    """Of an official reason, whose relations come in the order of a set, the relations sorted."""
    lines = []
    for line in reason.splitlines():
        head, found, tail = line.partition(", found ")
        if found and tail.endswith(" target"):
            tail = " and ".join(sorted(tail.removesuffix(" target").split(" and "))) + " target"
        lines.append(head + found + tail)
    return "\n".join(lines)


def test_golden_verdicts() -> None:
    cases = CASES["cases"]
    assert len(cases) > 200
    for case in cases:
        if case["result_depends_on_tie_order"]:
            continue
        limits, asked, expected = DetectionLimits(**case["options"]), case["metadata"], case["expected"]
        objects = [
            DetectedObject(one["class"], tuple(one["box"]), one["score"], one.get("color"))
            for one in case["detections"]
        ]
        kept = counted(objects, asked["tag"], limits)
        numbers = {
            name: [next(i for i, one in enumerate(objects) if one is found) for found in some]
            for name, some in kept.items()
        }
        assert numbers == expected["kept"], case["note"]
        verdict = decide(asked, kept, limits)
        assert verdict.correct == expected["correct"], case["note"]
        assert in_order("\n".join(verdict.reasons)) == in_order(expected["reason"]), case["note"]


def test_a_score_at_the_threshold_does_not_count() -> None:
    at = float(np.float32(0.3))
    above = float(np.nextafter(np.float32(0.3), np.float32(1)))
    some = [DetectedObject("cup", (0, 0, 1, 1), score, "red") for score in (at, above)]
    assert counted(some, "colors") == {"cup": [some[1]]}
    assert counted(some, "counting") == {}


def test_a_colour_that_nobody_looked_at_is_no_verdict() -> None:
    cup = DetectedObject("cup", (0, 0, 9, 9), 0.9)
    with pytest.raises(ValueError, match="the colour of a cup is asked for"):
        decide(A_RED_CUP, {"cup": [cup]})
