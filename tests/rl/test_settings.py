from pathlib import Path
from typing import Any

import pytest

from irg.core.settings import checked
from irg.pipeline import Settings
from irg.rl.settings import LearningMethod, RlRecipe

RECIPE: dict[str, Any] = {
    "out": "made",
    "init": "embedded",
    "steps": 3,
    "prompts": {"scenes": {"two": 1}},
    "rewards": [{"kind": "scene"}],
}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"prompts": {}}, "prompts are either of scenes or in a file"),
        ({"prompts": {"scenes": {"two": 0}}}, "expected a family that comes at all"),
        ({"learning": {"text": 0, "flow": 0}}, "nothing would be learned"),
        ({"rewards": []}, "rewards"),
        ({"rewards": [{"kind": "taste"}]}, "'scene', 'function', 'service', 'judge', 'vqascore', 'geneval'"),
        ({"rewards": [{"kind": "function", "function": "mine"}]}, "rewards.0.function: 'mine'"),
        ({"rollouts": {"siblings": 1}}, "rollouts.siblings: 1"),
        ({"rollouts": {"guided": True}, "learning": {"flow": 1}}, "steps are replayed without guidance"),
        ({"rollouts": {"sampler": {"noise": 0}}, "learning": {"flow": 1}}, "expected steps with noise"),
        ({"rollouts": {"sampler": {"kind": "euler"}}, "learning": {"flow": 1}}, "expected steps with noise"),
        ({"guards": {"done": [0.9, 0.1]}}, "done 0.9 to 0.1: expected shares in order"),
        ({"guards": {"done": [5, 90]}}, "done 5 to 90: expected shares in order"),
        ({"rolouts": {}}, "did you mean rollouts?"),
        ({"init": None}, "init"),
        ({"steps": None}, "steps"),
    ],
)
def test_what_makes_no_run_is_told(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=r"^mine\.yaml: ") as told:
        checked(RlRecipe, RECIPE | changes, "mine.yaml")
    assert fault in str(told.value)


def test_steps_are_kept_where_drawing_is_learned_from_them() -> None:
    def keeps(**learning: Any) -> bool:
        return RlRecipe.model_validate(RECIPE | {"learning": learning}).keeps_steps

    assert not keeps() and keeps(flow=1.0)
    assert not keeps(flow=1.0, method=LearningMethod.NFT) and not keeps(
        flow=1.0, method=LearningMethod.REJECTION
    )


def test_drawings_too_short_for_steps_with_noise_are_told() -> None:
    settings = Settings().changed_by({"num_points": 3})
    with pytest.raises(ValueError, match=r"learning\.flow: turn 2 has 3 time points, expected at least 4"):
        RlRecipe.model_validate(RECIPE | {"learning": {"flow": 1.0}}).plan(settings)
    assert len(RlRecipe.model_validate(RECIPE).plan(settings).turns) == 2


def test_an_episode_has_a_picture_more_than_redraws() -> None:
    recipe = RlRecipe.model_validate(RECIPE | {"rollouts": {"redraws": 2, "first_temperature": 0.1}})
    plan = recipe.plan(Settings())
    assert len(plan.turns) == 3 and plan.text.temperature == 0.1 and all(turn.think for turn in plan.turns)
    assert {turn.guidance.text_scale for turn in plan.turns} == {1.0}
    assert len(recipe.plan(Settings(), redraws=4).turns) == 5
    guided = RlRecipe.model_validate(RECIPE | {"rollouts": {"guided": True}}).plan(Settings())
    assert guided.turns[0].guidance == Settings().first


@pytest.mark.parametrize("path", sorted(Path("recipes").glob("rl_*.yaml")), ids=lambda path: path.stem)
def test_recipes_that_come_with_irg_are_read(path: Path) -> None:
    from irg.core.shipped import shipped
    from irg.rl.run import read_recipe
    from irg.train.recipes import read_recipe as read_training

    assert path.stem in shipped()
    if path.stem == "rl_start":
        assert read_training(path).kind == "unified"
    else:
        assert isinstance(read_recipe(path), RlRecipe)
