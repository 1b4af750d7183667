from typing import Any

import pytest
from pydantic import ValidationError

from irg.train.settings import EvaluationSettings, TrainRecipe

RECIPE: dict[str, Any] = {
    "init": "somewhere", "out": "made", "steps": 3, "data": [{"path": "store"}], "batch": {"documents": 2}
}  # fmt: skip


def told(kind: type, content: dict[str, Any]) -> list[str]:
    """Each fault of the content as the place of it and what is wrong."""
    with pytest.raises(ValidationError) as failure:
        kind.model_validate(content)
    return [
        f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
        for one in failure.value.errors()
    ]


@pytest.mark.parametrize(
    ("kind", "content", "place"),
    [
        (EvaluationSettings, {"every": 0}, "every"),
        (EvaluationSettings, {"turns": 0}, "turns"),
        (TrainRecipe, RECIPE | {"ema": 1.0}, "ema"),
        (TrainRecipe, RECIPE | {"clip": 0}, "clip"),
        (TrainRecipe, RECIPE | {"preset": "huge"}, "preset"),
        (TrainRecipe, RECIPE | {"freeze": ["everything"]}, "freeze.0"),
    ],
)
def test_values_out_of_range_are_told_by_their_place(kind: type, content: dict, place: str) -> None:
    (fault,) = told(kind, content)
    assert fault.startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"epochs": 2}, "a recipe has either steps or epochs"),
        ({"steps": None}, "a recipe has either steps or epochs"),
        ({"init": None}, "a model drawn at random needs parts: where its tokenizer and autoencoder are"),
    ],
)
def test_a_run_has_one_length_and_something_to_begin_with(changes: dict, fault: str) -> None:
    assert told(TrainRecipe, RECIPE | changes) == [f": {fault}"]
    TrainRecipe.model_validate(RECIPE | {"init": None, "parts": "parts"})
    TrainRecipe.model_validate(RECIPE | {"steps": None, "epochs": 1})


def test_settings_of_the_checkpoint_are_checked_and_kept_as_given() -> None:
    given = {"later": {"text_scale": 2.5}}
    assert TrainRecipe.model_validate(RECIPE | {"settings": given}).settings == given
    faults = told(TrainRecipe, RECIPE | {"settings": {"colour": "red"}})
    assert faults == ["settings.colour: Extra inputs are not permitted"]
