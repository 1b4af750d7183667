"""Grades: 1 for what is right, below one half for what is not, and the more of it is there, the more."""

from dataclasses import replace
from typing import Any

import pytest

from irg.scorers.geneval.finder import Found
from irg.scorers.geneval.grading import grade_objects
from irg.scorers.geneval.verdict import COLOURS, DetectedObject

CUP = DetectedObject("cup", (60.0, 0.0, 90.0, 30.0), 0.95)
DOG = DetectedObject("dog", (0.0, 0.0, 30.0, 30.0), 0.95)


def asked(tag: str, *include: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"tag": tag, "include": list(include), **others}


def graded(facts: dict[str, Any], *objects: DetectedObject) -> float:
    return grade_objects(facts, [(one, None) for one in objects])


def painted(colour: str, others: float = 0.0) -> Found:
    logits = [1.0 if one == colour else others for one in COLOURS]
    return replace(CUP, colour=colour), logits


def test_what_is_surer_is_worth_more_and_right_is_worth_all() -> None:
    cup = asked("single_object", {"class": "cup", "count": 1})
    grades = [graded(cup), *(graded(cup, replace(CUP, score=score)) for score in (0.1, 0.2, 0.29, 0.31))]
    assert grades == sorted(grades) and grades[0] == 0.0 and grades[1] == pytest.approx(0.5 / 3)
    assert max(grades[:-1]) < 0.5 and grades[-1] == 1.0


def test_of_two_one_is_half() -> None:
    both = asked("two_object", {"class": "cup", "count": 1}, {"class": "dog", "count": 1})
    assert graded(both, CUP) == 0.25 and graded(both, CUP, DOG) == 1.0


def test_counts_that_are_nearer_are_worth_more() -> None:
    three = asked("counting", {"class": "dog", "count": 3}, exclude=[{"class": "dog", "count": 4}])
    dogs = [replace(DOG, box=(40.0 * place, 0.0, 40.0 * place + 30, 30.0)) for place in range(6)]
    grades = [graded(three, *dogs[:number]) for number in range(7)]
    assert grades[3] == 1.0 and grades[:4] == sorted(grades[:4]) and grades[4] > grades[5] > grades[6]
    assert all(grade < 0.5 for number, grade in enumerate(grades) if number != 3)


def test_a_colour_is_worth_how_likely_it_is() -> None:
    red = asked("colors", {"class": "cup", "count": 1, "color": "red"})
    assert grade_objects(red, [painted("red")]) == 1.0
    clear, unclear = (grade_objects(red, [painted("blue", others)]) for others in (-9.0, 0.9))
    assert 0.25 <= clear < unclear < 0.5


def test_a_place_counts_beside_being_there() -> None:
    left = asked(
        "position", {"class": "cup", "count": 1}, {"class": "dog", "count": 1, "position": ["left of", 0]}
    )
    assert graded(left, CUP, DOG) == 1.0
    swapped = graded(left, replace(CUP, box=DOG.box), replace(DOG, box=CUP.box))
    assert swapped == pytest.approx(0.5 * (1 + 0.6) / 2) and graded(left, CUP) == 0.25
