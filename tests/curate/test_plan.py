"""What a run would take, told before it begins."""

from pathlib import Path

import pytest

from irg.curate.build import Build
from irg.curate.plan import plan_of
from irg.curate.recipe import read_recipe
from irg.endpoint import spent

RECIPES = Path(__file__).parents[2] / "recipes"


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
