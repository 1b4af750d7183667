"""Recipes: what they may say, and the stages that they come to."""

from pathlib import Path
from typing import Any

import pytest

from irg.curate.build import Build
from irg.curate.plan import plan_of
from irg.curate.recipe import check_recipe, read_recipe
from irg.endpoint import spent
from irg.stages.stage import EndpointStage

RECIPES = Path(__file__).parents[2] / "recipes"
TEACHER = {"endpoint": {"base_url": "http://localhost:1/v1", "model": "wise"}}
SCENES: dict[str, Any] = {
    "out": "runs/x",
    "propose": {"by": "grammar", "count": 100},
    "think": {"by": "oracle"},
    "improve": {"by": "oracle"},
    "judge": {"by": "oracle"},
    "reflect": {"by": "oracle"},
}


def names(build: Build) -> list[str]:
    return [stage.identity.name for stage in build.stages]


def test_the_scene_recipe_needs_nothing_from_elsewhere() -> None:
    build = Build(read_recipe(RECIPES / "scene.yaml", ["out=runs/elsewhere", "propose.count=500"]))
    assert names(build) == ["think", "draw", "improve", "judge", "reflect", "filter"]
    assert not any(isinstance(stage, EndpointStage) for stage in build.stages)
    assert build.recipe.asked == () and build.recipe.draw.model is None and build.recipe.run.device == 2
    assert build.recipe.propose.contamination.scenes and build.system_prompt


def test_the_teachers_recipe_is_planned_without_its_model_or_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    recipe = read_recipe(RECIPES / "teacher.yaml", [f"out={tmp_path / 'set'}", "propose.count=1000"])
    plan = plan_of(Build(recipe))
    assert [stage.name for stage in plan.stages] == [
        "propose",
        "think",
        "draw",
        "improve",
        "judge",
        "reflect",
        "filter",
    ]
    by_name = {stage.name: stage for stage in plan.stages}
    assert by_name["draw"].model == "ByteDance-Seed/BAGEL-7B-MoT" and by_name["draw"].estimate is None
    assert by_name["think"].estimate is not None and by_name["think"].estimate.requests == 800
    assert by_name["improve"].estimate is not None and by_name["improve"].estimate.money == pytest.approx(40)
    assert plan.total.requests > 5000 and plan.total.most_money > plan.total.money > 40
    assert (
        len(plan.problems) == 2
        and "OPENAI_API_KEY" in plan.problems[1]
        and "may still be spent" in plan.problems[0]
    )
    assert not (tmp_path / "set").exists() and spent(Build(recipe).account) == ()


def test_a_run_does_not_begin_without_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    teacher = {"endpoint": {**TEACHER["endpoint"], "key_env": "NO_SUCH_KEY"}}
    unused = check_recipe({**SCENES, "teachers": {"wise": teacher}}, "x")
    Build(unused).check()
    asked = check_recipe(
        {**SCENES, "teachers": {"wise": teacher}, "judge": {"by": "teacher", "teacher": "wise"}}, "x"
    )
    with pytest.raises(ValueError, match="NO_SUCH_KEY"):
        Build(asked).check()


def test_a_bound_on_cost_needs_prices() -> None:
    recipe = {**SCENES, "teachers": {"wise": TEACHER}, "judge": {"by": "teacher", "teacher": "wise"}}
    with pytest.raises(ValueError, match="max_cost needs a price for 'wise'"):
        Build(check_recipe({**recipe, "budget": {"max_cost": 1.0}}, "x")).check()


def test_teachers_share_what_a_run_may_spend() -> None:
    other = {"endpoint": {**TEACHER["endpoint"], "model": "wiser"}}
    stages = {
        "think": {"by": "teacher", "teacher": "a", "student": 0.5},
        "judge": {"by": "teacher", "teacher": "a"},
        "reflect": {"by": "teacher", "teacher": "b"},
    }
    recipe = check_recipe(
        {**SCENES, **stages, "teachers": {"a": TEACHER, "b": other}, "budget": {"max_requests": 9}}, "x"
    )
    build = Build(recipe)
    assert recipe.asked == ("a", "b") and build.teacher("a") is build.teacher("a")
    assert build.teacher("a").endpoint.account == build.teacher("b").endpoint.account == build.account
    assert (build.account.folder, build.account.max_requests) == (Path("runs/x/endpoint"), 9)
    assert names(build) == ["think", "draw", "improve", "judge", "reflect", "filter"]


PAIRS = {"by": "files", "files": ["x.jsonl"], "count": 1, "image": "image"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"judge": {"by": "teacher", "teacher": "who"}}, "judge.teacher 'who': expected one of teachers"),
        ({"think": {"by": "nobody"}}, "think"),
        ({"propose": {"by": "grammar", "count": 0}}, "propose"),
        ({"surprise": 1}, "surprise"),
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
        check_recipe({**SCENES, **changed}, "my recipe")
    assert message in str(refused.value)


def test_a_picture_that_came_with_the_prompt_may_be_image_2() -> None:
    recipe = check_recipe({**SCENES, "propose": PAIRS, "improve": {"by": "given"}}, "x")
    assert names(Build(recipe)) == ["think", "draw", "improve", "judge", "reflect", "filter"]
