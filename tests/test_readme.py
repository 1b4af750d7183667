"""README's block of commands, pasted from top to bottom into an empty folder."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from irg.cli.app import app
from irg.core.trace import Trace

README = (Path(__file__).parents[1] / "README.md").read_text()
QUICK = {
    "generate": "--steps 2 --max-thought-tokens 8",
    "edit": "--steps 2",
    "bench scene": "--prompts 1 --batch 2",
    "bench speed": "--preset tiny --layers 1 --episodes 1 --points 3 --thought-tokens 4 --device cpu",
    "curate scene": "--count 8",
    "train smoke": "steps=1 checkpoint.every=1 batch.tokens=1024 batch.rows=1",
}
"""What makes seconds of it, behind what stands there."""


def commands() -> list[list[str]]:
    block = README.split("## Use\n\n```\n")[1].split("```")[0]
    return [shlex.split(line, comments=True) for line in block.splitlines()]


def quick(words: list[str]) -> list[str]:
    said = " ".join(words)
    added = [options for begin, options in QUICK.items() if re.match(rf"irg {begin}\b", said)]
    # What a trace says itself is not said again.
    return [] if "--from" in words else shlex.split(" ".join(added))


def test_the_block_of_use_works_as_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(commands()) >= 14
    for words in commands():
        assert words[0] == "irg"
        result = CliRunner().invoke(app, [*words[1:], *quick(words)])
        assert result.exit_code == 0, f"{words}: {result.output}"
        if "--from" in words:
            assert "every picture is that of the trace, byte for byte" in result.output
    made = {
        path.parent.name.rpartition("-")[0]: Trace.load(path) for path in Path("runs").glob("*/trace.json")
    }
    assert len(made["three-pink-hearts-7"].turns) == 3
    assert made["a-green-star-above-a-red-circle-0"].turns[0].given
    assert made["make-the-circle-red-0"].source is not None
    assert len(list(Path("runs").glob("a-tiny-red-square-0-*/000?/trace.json"))) == 4
