from pathlib import Path

import pytest
import torch
import yaml

from irg.model.checkpoint import CheckpointFolder
from tests.cli.conftest import Run
from tests.data.small import write_checkpoint
from tests.train.trained import Trained, recipe, trained

SMALL = ("--width", "32", "--height", "32", "--points", "2", "--turns", "1", "--no-think")


@pytest.fixture
def finished(work: Path) -> Trained:
    """A run in `runs/mine`."""
    start = write_checkpoint(work / "start")
    made = trained(recipe(start, work / "runs" / "mine"))
    content = yaml.safe_dump(made.recipe.model_dump(mode="json"))
    (made.recipe.out / "unified.yaml").write_text(content)
    return made


def test_what_is_exported_generates(run: Run, finished: Trained, work: Path) -> None:
    result = run("export", "runs/mine")
    folder = work / "runs" / "mine" / "exported" / "step-00000004-ema-bfloat16"
    assert result.exit_code == 0, result.output
    assert str(folder.relative_to(work)) in result.stdout.replace("\n", "")
    expected = finished.average["latent_in.weight"].bfloat16()
    assert torch.equal(CheckpointFolder(folder).load_model().latent_in.weight, expected)
    drawn = run("generate", "two circles", "--model", folder, "--out", "drawn", *SMALL)
    assert drawn.exit_code == 0, drawn.output
    assert list((work / "drawn").rglob("*.png"))


def test_step_weights_type_and_place_can_be_chosen(run: Run, finished: Trained, work: Path) -> None:
    chosen = ("--step", 4, "--weights", "raw", "--dtype", "float32", "--out", "raw")
    assert run("export", "runs/mine", *chosen).exit_code == 0
    assert torch.equal(
        CheckpointFolder(work / "raw").load_model().latent_in.weight, finished.model.latent_in.weight
    )


def test_wrong_requests_are_one_line(run: Run, finished: Trained, work: Path) -> None:
    for arguments, message in (
        (("runs/other",), "runs/other/unified.yaml: no such recipe"),
        (("runs/mine", "--step", 5), "no checkpoint of step 5; those there: 4"),
        (("runs/mine", "--out", "."), "work would replace what is read"),
    ):
        result = run("export", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr.replace("\n", " ")
    file = work / "runs" / "mine" / "unified.yaml"
    file.write_text("kind: tokenizer\nout: x\n")
    assert "is a recipe of kind tokenizer, expected unified" in run("export", "runs/mine").stderr.replace(
        "\n", " "
    )
