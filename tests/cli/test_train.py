import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import yaml

import irg
from irg.data.formats import Format
from irg.data.source import Fault
from irg.model import UnifiedModel
from irg.model.config import read_config
from irg.model.parts import ModelPart, part_of
from tests.cli.conftest import Run
from tests.data.broken import write_broken
from tests.data.small import write_checkpoint
from tests.train.runs import history, recipe, write_traces

RECIPES = Path(__file__).parents[2] / "recipes"
Written = Callable[..., Path]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("start") / "start")


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_traces(tmp_path_factory.mktemp("traces") / "store", 9)


@pytest.fixture
def written(start: Path, traces: Path, work: Path) -> Written:
    """Writes the recipe of a short run into `out` of the folder that the command runs in."""

    def write(**changes: Any) -> Path:
        chosen = recipe(start, traces, Path("out"), **({"steps": 2} | changes))
        path = work / "recipe.yaml"
        path.write_text(
            yaml.safe_dump(chosen.model_dump(mode="json", exclude_unset=True) | {"kind": "unified"})
        )
        return path

    return write


def value(shown: str, name: str) -> str:
    """What a table says beside a name."""
    line = next(line for line in shown.splitlines() if name in line)
    return line.split(name)[1].strip(" │|")


def test_two_runs_in_one_folder_are_one_and_a_refusal(run: Run, written: Written, work: Path) -> None:
    """The second is told; the first goes on as if nothing had been."""
    recipe, metrics = written(steps=100_000), work / "out" / "metrics.jsonl"
    first = subprocess.Popen(
        [sys.executable, "-m", "irg", "train", recipe],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(Path(irg.__file__).parents[1])},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 300
        while not (metrics.exists() and metrics.read_text()):
            assert first.poll() is None and time.monotonic() < deadline, "it does not begin"
            time.sleep(0.05)
        second = run("train", recipe)
        assert second.exit_code == 2 and "another run is at work" in " ".join(second.output.split())
        so_far = len(metrics.read_text().splitlines())
        while len(metrics.read_text().splitlines()) < so_far + 2:
            assert first.poll() is None and time.monotonic() < deadline, "it does not go on"
            time.sleep(0.05)
    finally:
        first.terminate()
        first.wait()
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == list(range(1, len(steps) + 1))
    assert list((work / "out" / "checkpoints").glob("step-*")), "told to end, it saves"


def test_a_dry_run_prints_its_plan_and_trains_nothing(
    run: Run, written: Written, start: Path, work: Path
) -> None:
    result = run("train", written(freeze=["vision"]), "--dry-run")
    assert result.exit_code == 0, result.output
    sizes = {name: one.numel() for name, one in UnifiedModel(read_config(start)).named_parameters()}
    frozen = sum(size for name, size in sizes.items() if part_of(name) is ModelPart.VISION)
    assert value(result.stdout, "parameters trained") == f"{sum(sizes.values()) - frozen:,}"
    assert value(result.stdout, "parameters frozen") == f"{frozen:,}"
    assert "plan for 1 process, into out" in result.stdout
    tokens = int(value(result.stdout, "tokens per step").replace(",", ""))
    assert 0.8 * 4 * 160 < tokens <= 4 * 160
    assert 4 <= int(value(result.stdout, "samples per step")) <= 16
    for name in ("optimizer", "activations", "gradients"):
        assert re.search(r"\d", value(result.stdout, f"memory: {name}")), name
    assert value(result.stdout, "memory per process").startswith("about ")
    assert value(result.stdout, "time") == "unknown: the device's peak is not known"
    assert not (work / "out" / "metrics.jsonl").exists() and not (work / "out" / "checkpoints").exists()


def test_a_plan_for_more_processes_scales_the_batch(run: Run, written: Written) -> None:
    path = written(global_batch="scaled")
    one, four = (run("train", path, "--dry-run", "--processes", count) for count in (1, 4))
    counts = [int(value(each.stdout, "tokens per step").replace(",", "")) for each in (one, four)]
    assert counts[1] == pytest.approx(4 * counts[0], rel=0.1)
    assert "plan for 4 processes" in four.stdout
    fixed = run("train", path, "global_batch=fixed", "--dry-run", "--processes", 4)
    assert int(value(fixed.stdout, "tokens per step").replace(",", "")) == pytest.approx(counts[0], rel=0.1)


def test_a_dry_run_fails_on_data_that_a_recipe_of_the_users_own_names(
    run: Run, written: Written, work: Path
) -> None:
    recipe = written(data=[{"path": "no/where", "modes": {"direct": 1.0}}])
    refused = run("train", recipe, "--dry-run")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"no/where: no such file or folder ({recipe})" in " ".join(refused.stderr.split())


def test_a_dry_run_counts_the_broken_rows(run: Run, written: Written, work: Path) -> None:
    reasons = write_broken(work / "data", 45, np.random.default_rng(0), Format.TRACES)
    data = [{"path": "data", "modes": {"improving_full": 1.0}}]
    shown = " ".join(run("train", written(data=data), "--dry-run").stdout.split())
    known = [reason for reason in reasons if reason is not Fault.BROKEN_IMAGE]
    assert len(known) == 9
    assert all(f"1 {reason}" in shown for reason in known)
    assert f"{45 - len(known)}" in shown


def test_what_is_not_at_hand_is_planned_with_typical_sizes(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The paper's first stage, on a laptop without a network: for a 7B model on H100s."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    result = run("train", RECIPES / "bagel_stage1.yaml", "--dry-run", "--processes", 8)
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "planned for BAGEL-7B-MoT and typical documents: " in shown
    assert "H100s" in shown and "plan for 8 processes" in shown
    trained, frozen = (
        int(value(result.stdout, f"parameters {which}").replace(",", "")) for which in ("trained", "frozen")
    )
    assert 14e9 < trained + frozen < 15e9
    assert re.fullmatch(r"about [\d.,]+ (days|hours)", value(result.stdout, "steps"))


@pytest.mark.parametrize(
    ("recipe", "override", "said"),
    [
        ("bagel_stage1", "data.0.path=nowhere", "nowhere: no such file or folder (data.0.path=nowhere)"),
        (
            "bagel_stage1",
            "data=[{path: no/where}]",
            "no/where: no such file or folder (data=[{path: no/where}])",
        ),
        (
            "smoke",
            "seed=99999999999999999999",
            "seed: 99999999999999999999: Input should be less than 92233720",
        ),
        ("bagel_stage1", "parts=no/such/parts", "no/such/parts is neither a folder nor a hub id"),
        ("embedded_base", "seed=1", "runs/embedded/parts is neither a folder nor a hub id"),
    ],
)
def test_what_the_run_would_fail_on_the_dry_run_fails_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recipe: str, override: str, said: str
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    result = run("train", RECIPES / f"{recipe}.yaml", override, "--dry-run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


def test_other_recipes_have_no_plan(run: Run) -> None:
    result = run("train", RECIPES / "embedded_tokenizer.yaml", "--dry-run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a whole model, not of kind 'tokenizer'" in " ".join(result.stderr.split())


def test_a_run_leaves_its_recipe_and_is_not_begun_twice(run: Run, written: Written, work: Path) -> None:
    path = written()
    result = run("train", path, "steps=1")
    assert result.exit_code == 0, result.output
    assert result.stdout == "done: out/checkpoint\n"
    saved = yaml.safe_load((work / "out" / "unified.yaml").read_text())
    assert saved["steps"] == 1 and saved["clip"] == 1.0
    again = run("train", path, "steps=3")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "out already holds a run, at step 1: go on with --resume" in " ".join(again.stderr.split())
    assert yaml.safe_load((work / "out" / "unified.yaml").read_text()) == saved
    assert run("train", path, "steps=2", "--resume").exit_code == 0
    assert [line["step"] for line in history(work / "out")] == [1, 2]


def test_strict_names_file_row_and_cause_in_a_line(run: Run, written: Written, work: Path) -> None:
    reasons = write_broken(work / "data", 45, np.random.default_rng(0), Format.CONVERSATION)
    result = run("train", written(data=[{"path": "data"}]), "--strict")
    assert (result.exit_code, result.stdout) == (2, "")
    told = " ".join(result.stderr.split())
    match = re.search(r"error: data/part-(\d)\.parquet, row (\d+): ([\w -]+): ", told)
    assert match and "Traceback" not in told
    index = int(match[2]) + (0, 15, 16)[int(match[1])]
    assert index in reasons[Fault(match[3])]
    assert not (work / "out" / "metrics.jsonl").exists()
