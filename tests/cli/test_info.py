import json
import shutil
from pathlib import Path

import pytest

from irg.model.config import bagel_7b, write_config
from irg.pipeline import Settings
from tests.cli.conftest import Run


def test_the_table_names_what_matters(run: Run, checkpoint: Path) -> None:
    result = run("info", checkpoint)
    assert result.exit_code == 0, result.output
    for words in ("generation expert", "autoencoder", "ema.safetensors", "BF16", "guidance, later", "total"):
        assert words in result.stdout


def test_the_model_is_named_as_everywhere(run: Run, refuse, checkpoint: Path) -> None:
    assert run("info", "--model", checkpoint).stdout == run("info", checkpoint).stdout
    assert "are two checkpoints: expected one" in refuse("info", checkpoint, "--model", "other")


def test_measured_scores_are_shown(run: Run, checkpoint: Path, work: Path) -> None:
    folder = work / "scored"
    shutil.copytree(checkpoint, folder)
    Settings(scores={"scene": {"turn 2": 0.75}}, world="scenes").save(folder)
    stdout = run("info", folder).stdout
    assert "scene.turn 2" in stdout and "0.75" in stdout and "scenes only" in stdout


@pytest.mark.parametrize("num_bytes", [4, 100, 100_000])
def test_truncated_weights_are_told(run: Run, checkpoint: Path, work: Path, num_bytes: int) -> None:
    folder = work / "cut"
    shutil.copytree(checkpoint, folder)
    path = folder / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:num_bytes])
    result = run("info", folder)
    assert result.exit_code == 2 and f"{path} is not a whole safetensors file" in result.stderr


@pytest.fixture
def bagel(work: Path) -> Path:
    """The sizes of the 7B model, without weights."""
    folder = work / "bagel"
    folder.mkdir()
    write_config(bagel_7b(), folder)
    return folder


def test_it_says_how_a_checkpoint_fits(run: Run, bagel: Path) -> None:
    result = run("info", bagel, "--fit", "--memory", 24)
    assert f"irg generate ... --model {bagel} --weights int8" in result.stdout
    content = json.loads(run("info", bagel, "--fit", "--memory", 1, "--json").stdout)
    assert content["fit"]["picked"] is None and not any(way["fits"] for way in content["fit"]["ways"])
    assert "nothing fits" in run("info", bagel, "--fit", "--memory", 1).stdout
    assert "--fit alone" in run("info", bagel, "--memory", 24).stderr
    refused = run("info", bagel, "--fit", "--device", "nowhere")
    assert refused.exit_code == 2 and "device 'nowhere' cannot be used here" in refused.stderr
