"""Two processes that share a model play and learn what one does."""

import json
from pathlib import Path
from typing import Any

import pytest

from irg.rl.run import learn
from irg.run.rng import restore_rng, rng_state
from tests.rl.played import ALONE, start
from tests.rl.sharded import shared, start_two
from tests.train.runs import history


@pytest.fixture(autouse=True)
def generators() -> Any:
    before = rng_state(ALONE)
    yield
    restore_rng(before, ALONE)


def test_two_processes_play_and_learn_as_one(tmp_path: Path) -> None:
    learn(shared(start(), tmp_path / "one" / "run"))
    start_two(start(), tmp_path / "two")
    one, two = (
        [
            {name: value for name, value in line.items() if value is not None}
            for line in history(tmp_path / name / "run")
        ]
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 3
    for mine, theirs in zip(one, two, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    files = [tmp_path / name / "run" / "trials" / "step-00000003.json" for name in ("one", "two")]
    trials = [json.loads(file.read_text()) for file in files]
    for mine, theirs in zip(*trials, strict=True):
        assert mine["seed"] == theirs["seed"] and mine["grades"] == pytest.approx(theirs["grades"], abs=1e-2)
