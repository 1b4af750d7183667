"""Options that several commands share, and what they amount to."""

from dataclasses import replace
from pathlib import Path

import pytest

from irg.cli.options import ModelChoice, Overrides, check_text, default_folder
from irg.pipeline import Settings

PLAN = Settings().plan(2)


def test_what_is_not_given_leaves_the_plan() -> None:
    assert Overrides().apply(PLAN) == PLAN


def test_what_is_given_changes_every_turn() -> None:
    given = Overrides(points=5, temperature=0.0, max_thought_tokens=9, preview_every=2)
    changed = given.apply(PLAN)
    assert [turn.num_points for turn in changed.turns] == [5, 5]
    assert changed.preview_every == 2
    assert (changed.text.temperature, changed.text.max_tokens) == (0.0, 9)
    assert changed.text.top_p == PLAN.text.top_p
    assert [replace(turn, num_points=50) for turn in changed.turns] == list(PLAN.turns)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_temperature_is_a_number(value: float) -> None:
    with pytest.raises(ValueError, match=r"temperature .*(nan|inf): expected a number"):
        Overrides(temperature=value).apply(PLAN)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Two red circles!", "two-red-circles-4"),
        ("  größe: 3/4 ", "größe-3-4-4"),
        ("../../etc", "etc-4"),
        ("?!", "episode-4"),
        ("a" * 47 + " b", "a" * 47 + "-4"),
    ],
)
def test_a_folder_is_named_by_the_prompt(text: str, name: str) -> None:
    folder = default_folder(text, 4)
    assert folder.parent == Path("runs") and folder.name.rpartition("-")[0] == name
    assert folder not in (default_folder(text + "!", 4), default_folder(text, 4, "another source"))


def test_a_text_says_something() -> None:
    assert check_text(" a dog ", "prompt") == " a dog "
    with pytest.raises(ValueError, match="the prompt is empty"):
        check_text(" \n", "prompt")
    with pytest.raises(ValueError, match="the question is not valid UTF-8 text"):
        check_text("dog \udcff", "question")


@pytest.mark.parametrize(
    ("device", "message"), [("nowhere", "'nowhere' cannot be used here"), ("meta", "holds no numbers")]
)
def test_a_device_is_tried_before_weights_are_loaded(device: str, message: str, checkpoint: Path) -> None:
    choice = ModelChoice(str(checkpoint), device)
    with pytest.raises(ValueError, match=message):
        choice.check(replace(PLAN, width=64, height=64))


def test_a_size_is_tried_before_weights_are_loaded(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="must be multiples of"):
        ModelChoice(str(checkpoint)).check(replace(PLAN, width=65, height=64))
