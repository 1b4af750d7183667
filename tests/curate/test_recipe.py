"""Recipes: what they may say, and the stages that they come to."""

from typing import Any

import pytest

from irg.core.settings import checked
from irg.curate.recipe import CurateRecipe

SCENES: dict[str, Any] = {
    "out": "runs/x",
    "propose": {"by": "grammar", "count": 100},
    "think": {"by": "oracle"},
    "improve": {"by": "oracle"},
    "judge": {"by": "oracle"},
    "reflect": {"by": "oracle"},
}


PAIRS = {"by": "files", "files": ["x.jsonl"], "count": 1, "image": "image"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"judge": {"by": "teacher", "teacher": "who"}}, "judge.teacher 'who': expected one of teachers"),
        ({"think": {"by": "nobody"}}, "think"),
        ({"propose": {"by": "grammar", "count": 0}}, "propose"),
        ({"surprise": 1}, "surprise"),
        ({"propose": {"by": "teacher", "teacher": "w", "count": 1, "subjects": []}}, "at least 1 item"),
        ({"select": {"similarity": 0.9}}, "expected looks.embedding"),
        ({"think": {"by": "student"}, "draw": {"flawed": 0.5}}, "expected think.by to be oracle"),
        ({"improve": {"by": "checkpoint"}, "draw": {"candidates": 2}}, "expected improve.by to be oracle"),
        ({"improve": {"by": "given"}}, "expected propose.image"),
        ({"improve": {"by": "given"}, "propose": {**PAIRS, "image": None}}, "expected propose.image"),
        ({"draw": {"flawed": 1.5}}, "draw.flawed: 1.5"),
        ({"draw": {"untouched": -0.1}}, "draw.untouched: -0.1"),
        ({"emit": {"held_out": 1.0}}, "held_out"),
        ({"budget": {"max_cost": -1}}, "max_cost"),
    ],
)
def test_refuses_what_does_not_fit_together(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="my recipe") as refused:
        checked(CurateRecipe, {**SCENES, **changed}, "my recipe")
    assert message in str(refused.value)
