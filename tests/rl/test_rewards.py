"""Grades of parts together: weighed, kept, accounted for, and never guessed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.rl.rewards import Grade, GradedPicture, NoGrade, Rewards, WeighedPart, checked


def shown(prompt: str, colour: str = "red", thought: str = "") -> GradedPicture:
    return GradedPicture(prompt, Picture.of(Image.new("RGB", (8, 8), colour)), thought, {"tag": 1})


@dataclass
class Counting:
    """Grades by a table of prompts, and counts what it is asked."""

    name: str
    table: Mapping[str, Any]
    asked: list[str] = field(default_factory=list)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"part": self.name}

    def __call__(self, pictures: Sequence[GradedPicture], /) -> list[Grade]:
        self.asked += [one.prompt for one in pictures]
        return [self.table[one.prompt] for one in pictures]


def test_grades_are_weighed_means_and_what_lacks_one_has_none(tmp_path: Path) -> None:
    one = Counting("one", {"a": 1.0, "b": 0.5, "c": 0.0})
    other = Counting("other", {"a": 0.0, "b": NoGrade("away"), "c": math.nan})
    rewards = Rewards([WeighedPart(one, 3.0), WeighedPart(other, 1.0)], tmp_path / "kept.sqlite")
    assert rewards([shown("a"), shown("b"), shown("c")]) == [0.75, None, None]
    assert rewards.unanswered == {"other: away": 1, "other: not a grade": 1}


def test_what_was_answered_is_not_asked_again_even_by_another_run(tmp_path: Path) -> None:
    table = {"a": 1.0, "b": NoGrade("away")}
    first = Counting("one", table)
    pictures = [shown("a"), shown("a", "blue"), shown("a", thought="so"), shown("b"), shown("a")]
    grades = Rewards([WeighedPart(first, 1.0)], tmp_path / "kept.sqlite")(pictures)
    assert grades == [1.0, 1.0, 1.0, None, 1.0]
    again = Counting("one", table)
    rewards = Rewards([WeighedPart(again, 1.0)], tmp_path / "kept.sqlite")
    assert rewards(pictures) == grades and again.asked == ["b"]
    account = rewards.account()["one"]
    assert (account["asked"], account["known"], account["unanswered"]) == (6, 4, 2)
    changed = Counting("two", table)
    Rewards([WeighedPart(changed, 1.0)], tmp_path / "kept.sqlite")(pictures[:1])
    assert changed.asked == ["a"], "of another part nothing is known"


@pytest.mark.parametrize("said", [math.nan, math.inf, -0.1, 1.1, True, "0.5", None, [1]])
def test_what_is_no_number_from_0_to_1_is_no_answer(said: Any) -> None:
    found = checked(said)
    assert isinstance(found, NoGrade) and found.reason == "not a grade"
    assert checked(1) == 1.0 and checked(0.25) == 0.25 and checked(np.float32(0.5)) == 0.5
