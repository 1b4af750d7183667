import inspect
import json
import typing
from pathlib import Path

from irg.cli.bench_train import train
from irg.model.presets import PRESETS
from irg.run.optimizers import OptimizerKind
from irg.run.parallel import Checkpointing
from tests.cli.conftest import Run

TINY = (
    *("bench", "train", "--preset", "tiny", "--device", "cpu", "--layers", "1", "--vision-layers", "1"),
    *("--tokens", "600", "--steps", "2", "--image-side", "64", "--thought-tokens", "20"),
)


def test_a_table_of_measured_and_possible(run: Run) -> None:
    result = run(*TINY)
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    for what in (
        "TFLOP/s",
        "tokens/s",
        "padding",
        "share of matrix products",
        "peak memory",
        "seconds per step",
        "limit",
    ):
        assert what in words
    assert "rows of 600 tokens" in words


def test_json_and_a_profile(run: Run, work: Path) -> None:
    result = run(*TINY, "--json", "--profile", "profile.txt", "--dtype", "bfloat16", "--optimizer", "muon")
    summary = json.loads(result.stdout)
    assert summary["bench"]["bfloat16"] is True
    assert summary["bench"]["optimizer"] == "muon"
    assert summary["tokens_per_second"] > 0
    assert "aten::" in (work / "profile.txt").read_text()


def test_what_cannot_be_measured_is_one_line(run: Run) -> None:
    result = run(*TINY, "--layers", "9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "9 layers: the preset has 1 to 3" in result.stderr
    result = run(*TINY, "--image-side", "100")
    assert "images of 100 pixels: expected a multiple of 16" in result.stderr
    result = run(*TINY, "--image-side", "512")
    assert "a row of 600 tokens is too short for a document with an image of 512 pixels" in result.stderr


def test_choices_are_those_of_training() -> None:
    hints = typing.get_type_hints(train)
    assert set(inspect.signature(train).parameters) == set(hints) - {"return"}
    for name, kind in (("preset", PRESETS), ("optimizer", OptimizerKind), ("checkpointing", Checkpointing)):
        assert set(typing.get_args(hints[name])) == {str(member) for member in kind}
