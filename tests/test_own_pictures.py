"""What README promises: six pictures with captions become a checkpoint that draws, by the commands as they
stand there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from irg.cli.app import app
from irg.core.trace import Trace
from irg.pipeline import Settings
from tests.data.foreign.pictured import save

README = (Path(__file__).parents[1] / "README.md").read_text()
CAPTIONS = (
    "a red barn in a field of wheat",
    "a sunset over the sea",
    "two mountains with snow above a green valley",
    "a city at night under a full moon",
    "a pink flower with a yellow heart",
    "a blue cup of coffee on a white table",
)
SHORT = "steps=2 batch.tokens=256 batch.rows=1 schedule.warmup=0"
"""What makes the training a matter of seconds."""


def commands() -> list[list[str]]:
    section = README.split("## Your own pictures")[1].split("\n## ")[0]
    lines = [line for block in re.findall(r"```\n(.*?)```", section, re.S) for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("irg ")]


def test_the_four_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, caption in enumerate(CAPTIONS):
        save(tmp_path / "photos" / f"{number}.jpg", size=(160, 120)).with_suffix(".txt").write_text(caption)
    told = []
    for _, *words in commands():
        result = CliRunner().invoke(app, [*words, *SHORT.split()] if words[0] == "train" else words)
        assert result.exit_code == 0, result.output
        told.append(" ".join(result.output.split()))
    assert len(told) == 4 and "6 rows read, 6 written to data/photos" in told[0]
    assert "6 rows, 6 usable, 0 rejected" in told[1]
    assert "outside the scenes world" in told[2] and "done: runs/photos/checkpoint" in told[2]
    settings = Settings.from_folder(Path("runs/photos/checkpoint"))
    assert (settings.world, settings.turns, settings.thinks) == (None, 1, False)
    (episode,) = [path.parent for path in Path("runs").glob("*/trace.json")]
    trace = Trace.load(episode)
    assert trace.prompt == CAPTIONS[0] and [turn.thought for turn in trace.turns] == [None]
    assert trace.turns[0].image.size == (settings.width, settings.height) == (128, 96)
