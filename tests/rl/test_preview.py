"""What a run would take: by hand where that is easy, and as it should change."""

from pathlib import Path
from typing import Any

import pytest

from irg.rl.preview import describe
from irg.run.budget import Section
from tests.rl.played import start
from tests.rl.runs import recipe


def told(out: Path, world: int = 1, **changes: Any) -> dict[str, str]:
    parts = [*describe(recipe(start(), out, **changes), world)]
    (section,) = [one for one in parts if isinstance(one, Section)]
    return {row[0]: row[1] for row in section.rows}


def test_a_plan_counts_episodes_and_pictures(tmp_path: Path) -> None:
    rollouts = {"groups": 4, "siblings": 8, "tries": 3, "redraws": 2}
    found = told(tmp_path / "run", rollouts=rollouts)
    assert found["episodes per step"] == "32" and found["pictures per step"] == f"up to {4 * (3 + 16)}"
    assert "memory: model of the beginning" in found and "memory: model that plays" not in found


def test_adapters_need_no_second_model_and_processes_one_more(tmp_path: Path) -> None:
    assert "memory: model of the beginning" not in told(tmp_path / "a", lora={"rank": 2})
    assert "memory: model that plays" in told(tmp_path / "b", world=2)


def test_steps_of_drawing_are_more_to_learn(tmp_path: Path) -> None:
    def tokens(name: str, **learning: float) -> int:
        return int(
            told(tmp_path / name, learning=learning)["tokens learned per step"].split()[-1].replace(",", "")
        )

    assert tokens("a", flow=1.0) > tokens("b")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absent"):
        list(describe(recipe(tmp_path / "absent", tmp_path / "run"), 1))
