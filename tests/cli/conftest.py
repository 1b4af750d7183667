import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

import irg
from irg.cli.app import app
from irg.pipeline.settings import Settings
from irg.prep import Resize
from tests.golden.vectors import CHECKPOINT

Run = Callable[..., Result]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(irg.__file__).parents[1]), "OMP_NUM_THREADS": "1"} | {
    "IRG_TOKENS": "no-such-file"
}
"""For the program in a process of its own, in whatever folder that runs, whatever its user has set up."""
SMALL = ("--width", "64", "--height", "64", "--points", "3", "--max-thought-tokens", "6")
"""A plan that takes a fraction of a second."""


@pytest.fixture
def run(work: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in an empty folder; whatever is no expected error fails the test with its traceback."""
    monkeypatch.chdir(work)

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder that `run` runs in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """A model of random weights that knows no world."""
    return Path(CHECKPOINT)


@pytest.fixture(scope="session")
def scenes_checkpoint(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, said to know the scene world only."""
    folder = tmp_path_factory.mktemp("scenes") / "checkpoint"
    shutil.copytree(checkpoint, folder)
    settings = Settings(
        world="scenes",
        width=128,
        height=128,
        num_points=3,
        max_thought_tokens=6,
        clean=Resize(max_side=128, min_side=64, stride=16),
        view=Resize(max_side=112, min_side=56, stride=14),
    )
    settings.save(folder)
    return folder


@pytest.fixture
def unloadable(scenes_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint of the scene world that looks whole until its weights are loaded."""
    folder = tmp_path / "unloadable"
    shutil.copytree(scenes_checkpoint, folder)
    weights = load_file(folder / "ema.safetensors")
    weights["llm2vae.bias"][0] = float("nan")
    save_file(weights, folder / "ema.safetensors")
    return folder


@pytest.fixture
def refuse(run: Run, work: Path):
    """Run a command that must fail, and return its message."""

    def check(*arguments: object, code: int = 2) -> str:
        before = sorted(work.rglob("*"))
        result = run(*arguments)
        assert result.exit_code == code, result.output
        assert result.stdout == "" and "Traceback" not in result.stderr
        assert sorted(work.rglob("*")) == before
        return " ".join(result.stderr.split())

    return check
