"""How a run begins: whose its folder is, and by what a continuation is known."""

import shutil
from pathlib import Path

import pytest

from irg.run.assemble import parts_of
from irg.run.beginning import EXPORTED, at_work, first_alone, run_settings
from tests.run.toy import ALONE
from tests.train.runs import recipe


def test_a_continuation_is_known_by_what_decides_on_the_run(beginning: Path, tmp_path: Path) -> None:
    chosen = recipe(beginning, tmp_path / "a", tmp_path)
    parts = parts_of(chosen)
    known = run_settings(chosen, parts).identity
    assert known["weights of init"] and known["optimizer"] == "adamw" and "steps" not in known
    moved = recipe(beginning, tmp_path / "b", tmp_path / "elsewhere", steps=30)
    assert run_settings(moved, parts).identity == known, "data and runs may move, and go on for longer"
    assert run_settings(chosen.model_copy(update={"seed": 1}), parts).identity != known
    kept = run_settings(chosen, parts, kept={"prompts": "those"}).identity
    assert kept == known | {"prompts": "those"}


def test_what_a_run_began_from_is_not_replaced_by_it(beginning: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with at_work(recipe(beginning, tmp_path, out), ALONE):
        shutil.copytree(beginning, out / EXPORTED)
    again = recipe(beginning, tmp_path, out, init=str(out / EXPORTED))
    with pytest.raises(ValueError, match="choose another folder"), at_work(again, ALONE):
        raise AssertionError("it is at work where it began")


def test_one_process_is_the_first(tmp_path: Path) -> None:
    with first_alone(ALONE):
        (tmp_path / "made").touch()
    assert (tmp_path / "made").exists()
