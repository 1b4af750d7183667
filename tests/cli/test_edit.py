from pathlib import Path

import pytest
from PIL import Image

from irg.core.trace import Trace
from tests.cli.conftest import Run


@pytest.fixture
def picture(work: Path) -> Path:
    path = work / "picture.jpg"
    Image.new("RGB", (300, 200), (200, 30, 30)).save(path)
    return path


def test_edit_saves_the_source_too(run: Run, scenes_checkpoint: Path, picture: Path) -> None:
    small = ("--points", 3, "--max-thought-tokens", 4)
    result = run("edit", picture, "Make it blue", "--think", *small, "--model", scenes_checkpoint)
    assert result.exit_code == 0, result.output
    (folder,) = Path("runs").glob("make-it-blue-0-*")
    trace = Trace.load(folder)
    assert trace.source is not None and trace.source.size == (300, 200)
    assert len(trace.turns) == 1 and trace.turns[0].thought is not None
    assert {path.name for path in folder.iterdir()} == {
        ".irg.json", "source.png", "turn1.png", "trace.json", "strip.png", "index.html"
    }  # fmt: skip


def test_another_picture_has_another_folder(
    run: Run, scenes_checkpoint: Path, picture: Path, work: Path
) -> None:
    Image.new("RGB", (300, 200), (30, 200, 30)).save(work / "other.png")
    for source in (picture, work / "other.png", picture):
        run("edit", source, "Make it blue", "--points", 3, "--model", scenes_checkpoint)
    assert len(list(Path("runs").iterdir())) == 2


def test_edit_does_not_think_unless_the_checkpoint_does(
    run: Run, scenes_checkpoint: Path, picture: Path
) -> None:
    run("edit", picture, "Make it blue", "--out", "x", "--points", 3, "--model", scenes_checkpoint)
    assert Trace.load(Path("x")).turns[0].thought is None
