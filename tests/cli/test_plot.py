"""The losses of runs as a picture."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run

pytest.importorskip("matplotlib")


def test_runs_are_drawn_into_the_picture_asked_for(run: Run, work: Path) -> None:
    for name in ("one", "two"):
        (work / name).mkdir()
        lines = [{"step": step, "flow/direct": 1 / step, "text/direct": 2 / step} for step in range(1, 40)]
        (work / name / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = run("plot", "one", "two", "--out", "picture.png")
    assert result.exit_code == 0, result.output
    assert result.stdout == "wrote picture.png\n"
    with Image.open(work / "picture.png") as picture:
        assert picture.width > 300
    assert run("plot", "one", "--out", "picture.png").exit_code == 0, "it is ours"


@pytest.mark.parametrize("name", ["mine.png", "mine.svg"])
def test_a_picture_of_others_is_not_replaced(run: Run, work: Path, name: str) -> None:
    (work / name).write_bytes(b"a holiday")
    result = run("plot", "one", "--out", name)
    assert result.exit_code == 2 and "no plot that irg made" in result.stderr
    assert (work / name).read_bytes() == b"a holiday"


def test_a_folder_without_a_run_is_told(run: Run, work: Path) -> None:
    result = run("plot", "nowhere")
    assert result.exit_code == 2 and "nowhere" in result.stderr and not any(work.iterdir())
