from typing import Any

import pytest
from pydantic import ValidationError

from irg.core.settings import checked
from irg.core.shipped import PLAN, shipped
from irg.engine import Saving, Solver
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.steps import DrawStep

SMALL: dict[str, Any] = {"plan": 1, "first": [{"draw": "I", "reads": ["prompt"]}]}


@pytest.mark.parametrize("name", shipped(PLAN))
def test_a_plan_survives_json(name: str) -> None:
    plan = read_plan(name)
    assert StepPlan.model_validate(plan.as_json()) == plan
    assert plan.about


def test_the_plans_of_the_family_are_there() -> None:
    family = (
        "bagel-t2i bagel-think bagel-edit irg umm-reflection thinkmorph vbvr-thinkmorph uni-cot zebra-cot r3"
    )
    assert {*family.split(), "embedded", "bagel-understand"} <= {*shipped(PLAN)}


def test_turns_count_pictures() -> None:
    plan = read_plan("irg")
    assert [plan.with_turns(turns).num_images for turns in (1, 2, 5)] == [1, 2, 5]
    assert read_plan("bagel-t2i").with_turns(1) == read_plan("bagel-t2i")
    with pytest.raises(ValueError, match=r"turns 2: this plan draws 1 picture$"):
        read_plan("bagel-t2i").with_turns(2)
    with pytest.raises(ValueError, match="turns 0: this plan draws 1 picture, and 1 with each pass"):
        plan.with_turns(0)


def test_numbers_of_a_caller_go_before_those_of_the_steps() -> None:
    plan = read_plan("irg").with_numbers({"points": 5, "text_scale": 2.0}, {"temperature": 0.0})
    draws = [step for step in plan.steps if isinstance(step, DrawStep)]
    assert [(step.points, step.text_scale) for step in draws] == [(5, 2.0)] * 2
    assert [step.temperature for step in plan.steps if not isinstance(step, DrawStep)] == [0.0] * 2
    saving = Saving(2, Solver.ADAMS)
    fewer = plan.with_numbers({"every": saving.every, "solver": saving.solver}, {})
    assert fewer.as_json()["first"][1]["solver"] == "adams"
    with pytest.raises(ValidationError, match="points"):
        plan.with_numbers({"points": 1}, {})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"plan": 2}, "plan: 2: Input should be 1"),
        ({"first": []}, "a plan needs steps"),
        ({"system": {"file": "a", "text": "b"}}, "expected one of text, file and address"),
        ({"system": {"address": "ftp://a"}}, "system.*address"),
        ({"resize": {"clean": [512, 256, 0]}}, "resizing: stride 0"),
        ({"size": [0, 10]}, "size"),
        ({"repat": []}, "repat: there is no such setting; did you mean repeat"),
        (
            {"first": [{"write": "T", "reads": ["prompt"], "take": {}}]},
            "expected one of after, between and line",
        ),
        ({"first": [{"write": "T", "reads": ["prompt"], "stop_if": {}}]}, "expected contains, lacks"),
    ],
)
def test_what_no_plan_can_say_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        checked(StepPlan, SMALL | changes, "mine.yaml")
