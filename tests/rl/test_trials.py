"""Trials: always the same prompts, and what becomes of each."""

import json
from typing import Any

import pytest

from irg.rl.trials import RlTrials, line_of
from tests.rl.played import made


def test_trials_tell_of_every_number_of_redraws() -> None:
    recipe, _ = made()
    source = {"file": str(recipe.prompts.file)}
    recipe, run = made(trials={"every": 2, "prompts": 5, "source": source, "redraws": 3})
    trials: Any = run.evaluator
    assert isinstance(trials, RlTrials) and trials.every == 2
    found = trials(4)
    lines = json.loads((recipe.out / "trials" / "step-00000004.json").read_text())
    assert len(lines) == 5 and [len(line["grades"]) for line in lines] == [4] * 5
    assert [line["seed"] for line in lines] == sorted(one.seed for one in trials.asked())
    assert [found[f"accuracy/{turn}"] for turn in range(4)] == [0.0] * 4 and found["repair"] == 0.0
    assert found["ungraded"] == 0.0 and found["valid"] == pytest.approx(
        sum(one["valid"] for one in lines) / 5
    )
    assert trials(4) == pytest.approx(found, nan_ok=True)


def test_what_has_no_grade_is_told_as_such() -> None:
    _, run = made()
    feed: Any = run.feed
    assert line_of(feed.prompts(1), None).keys() <= {"prompt", "seed", "colour"}
