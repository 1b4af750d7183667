"""From a recipe to its stages, teachers and account."""

from pathlib import Path
from typing import Any

import pytest

from irg.core.settings import checked
from irg.curate.build import Build
from irg.curate.recipe import CurateRecipe, read_recipe
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


PAIRS = {"by": "files", "files": ["x.jsonl"], "count": 1, "image": "image"}


def test_the_scene_recipe_needs_nothing_from_elsewhere() -> None:
    build = Build(read_recipe(RECIPES / "scene.yaml", ["out=runs/elsewhere", "propose.count=500"]))
    assert names(build) == ["think", "draw", "improve", "judge", "reflect", "filter"]
    assert not any(isinstance(stage, EndpointStage) for stage in build.stages)
    assert build.recipe.asked == () and build.recipe.draw.model is None and build.recipe.run.device == 2
    assert build.recipe.propose.contamination.scenes and build.system_prompt


def test_a_run_does_not_begin_without_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    teacher = {"endpoint": {**TEACHER["endpoint"], "key_env": "NO_SUCH_KEY"}}
    unused = checked(CurateRecipe, {**SCENES, "teachers": {"wise": teacher}}, "x")
    Build(unused).check()
    asked = checked(
        CurateRecipe,
        {**SCENES, "teachers": {"wise": teacher}, "judge": {"by": "teacher", "teacher": "wise"}},
        "x",
    )
    with pytest.raises(ValueError, match="NO_SUCH_KEY"):
        Build(asked).check()


def test_a_bound_on_cost_needs_prices() -> None:
    recipe = {**SCENES, "teachers": {"wise": TEACHER}, "judge": {"by": "teacher", "teacher": "wise"}}
    with pytest.raises(ValueError, match="max_cost needs a price for 'wise'"):
        Build(checked(CurateRecipe, {**recipe, "budget": {"max_cost": 1.0}}, "x")).check()


def test_teachers_share_what_a_run_may_spend() -> None:
    other = {"endpoint": {**TEACHER["endpoint"], "model": "wiser"}}
    stages = {
        "think": {"by": "teacher", "teacher": "a", "student": 0.5},
        "judge": {"by": "teacher", "teacher": "a"},
        "reflect": {"by": "teacher", "teacher": "b"},
    }
    recipe = checked(
        CurateRecipe,
        {**SCENES, **stages, "teachers": {"a": TEACHER, "b": other}, "budget": {"max_requests": 9}},
        "x",
    )
    build = Build(recipe)
    assert recipe.asked == ("a", "b") and build.teacher("a") is build.teacher("a")
    assert build.teacher("a").endpoint.account == build.teacher("b").endpoint.account == build.account
    assert (build.account.folder, build.account.max_requests) == (Path("runs/x/endpoint"), 9)
    assert names(build) == ["think", "draw", "improve", "judge", "reflect", "filter"]


def test_a_picture_that_came_with_the_prompt_may_be_image_2() -> None:
    recipe = checked(CurateRecipe, {**SCENES, "propose": PAIRS, "improve": {"by": "given"}}, "x")
    assert names(Build(recipe)) == ["think", "draw", "improve", "judge", "reflect", "filter"]
