"""The programs in examples/: each runs as it stands, and is as short as it says that things are."""

import ast
import io
import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from irg.core.trace import Trace
from irg.model.checkpoint import CheckpointFolder

PROGRAMS = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
MOST_LINES = 5
MADE = {
    "ask_generate_edit": ["edited.png"],
    "batch_to_folder": ["runs/many/index.html", "runs/many/0002/strip.png"],
    "custom_guidance": ["guided.png"],
    "human_edits": ["runs/edited/turn2.png"],
    "more_turns": ["turn1.png", "turn4.png"],
    "only_reflect": ["better.png"],
    "previews": ["step1.png"],
    "prompts_from_file": ["prompt0.png", "prompt1.png"],
    "seed_grid": ["seeds.png"],
    "stop_early": [],
}


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, which draws small pictures in two steps and has little to say."""
    folder = tmp_path_factory.mktemp("fast") / "embedded"
    shutil.copytree(CheckpointFolder.find().path, folder)
    path = folder / "irg.json"
    few = {"width": 64, "height": 64, "num_points": 3, "max_thought_tokens": 8}
    path.write_text(json.dumps(json.loads(path.read_text()) | few))
    return folder


def own_lines(program: Path) -> int:
    """Lines of its own work: beside docstring, imports, loading the model, and none for brackets alone."""
    tree = ast.parse(program.read_text())
    first = next(place for place, node in enumerate(tree.body) if isinstance(node, ast.Assign))
    assert "load_pipeline(" in ast.unparse(tree.body[first])
    begin = tree.body[first].end_lineno
    return sum(bool(line.strip(" )")) for line in program.read_text().splitlines()[begin:])


def test_there_are_ten_and_what_each_makes_is_known() -> None:
    assert [program.stem for program in PROGRAMS] == sorted(MADE) and len(MADE) == 10


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_an_example_is_short_and_runs(
    program: Path, fast: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_lines(program) <= MOST_LINES
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(program), str(fast), "cpu"])
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nA large red star.\n"))
    Path("prompts.txt").write_text("a green star\ntwo red circles\n")
    runpy.run_path(str(program))
    for name in MADE[program.stem]:
        assert Path(name).stat().st_size > 0
        if name.endswith("turn2.png"):
            turns = Trace.load(Path(name).parent).turns
            assert [turn.revised for turn in turns] == [False, True]
            assert turns[1].thought == "A large red star."
        elif name == "seeds.png":
            with Image.open(name) as sheet:
                assert sheet.size == (3 * 64 + 16, 3 * 64 + 16)
