"""Runs of one process: parts of a step, stopping and going on, epochs, folders that hold a run already."""

import shutil
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from irg.data.traces import TraceStore, TraceWriter
from irg.model.checkpoint import CheckpointError
from irg.run.beginning import EXPORTED
from irg.run.checkpoint import NonFiniteError
from irg.run.loop import CHECKPOINTS
from irg.run.parallel import joined
from irg.run.saved import steps_in
from irg.train.settings import TrainRecipe
from irg.train.unified import run_of, train
from tests.train.conftest import Whole
from tests.train.runs import NUM_TRACES, apart, batch, evaluation, history, recipe, run


def test_four_accumulated_forwards_are_one_large_batch(
    whole: Whole, beginning: Path, traces: Path, tmp_path: Path
) -> None:
    """With workers, which change nothing either."""
    course = run(recipe(beginning, traces, tmp_path / "run", batch=batch(accumulate=4), workers=2))
    assert set(whole.course.forwards.values()) == {1}
    assert set(course.forwards.values()) == {4}
    found = history(tmp_path / "run")
    assert len(found) == 20
    assert apart(found, history(whole.out)) < 1e-5
    assert course.documents == whole.course.documents


def test_a_run_that_was_asked_to_stop_goes_on_bit_for_bit(
    whole: Whole, beginning: Path, traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saves what it is after the next step, and nothing later tells that it was stopped: losses, order of
    the data, and the averaged weights that it leaves. Nor that what it reads has moved in between."""
    shutil.copytree(beginning, tmp_path / "began")
    shutil.copytree(traces, tmp_path / "set")
    chosen = recipe(
        tmp_path / "began", tmp_path / "set", tmp_path / "run", workers=1, checkpoint={"every": 2}
    )
    assert run(chosen, stop_in=6).interrupted
    assert steps_in(chosen.out / CHECKPOINTS) == [6, 7]
    assert history(chosen.out) == history(whole.out)[:7]
    (tmp_path / "began").rename(tmp_path / "elsewhere")
    (tmp_path / "set").rename(tmp_path / "moved")
    for file in (tmp_path / "moved").iterdir():
        file.touch()
    monkeypatch.chdir(tmp_path)
    chosen = recipe(Path("elsewhere"), Path("moved"), tmp_path / "run", workers=1, checkpoint={"every": 2})
    course = run(chosen, resume=True)
    assert course.documents == {step: whole.course.documents[step] for step in range(8, 21)}
    assert history(chosen.out) == history(whole.out)
    weights = [out / EXPORTED / "ema_bf16.safetensors" for out in (chosen.out, whole.out)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize(
    ("rows", "every"), [({"tokens": 130, "rows": 3}, 1000), ({"documents": 6, "rows": 3}, 1)]
)
def test_every_row_is_seen_once_in_each_epoch(
    beginning: Path, traces: Path, tmp_path: Path, rows: dict[str, Any], every: int
) -> None:
    """The end, which nobody knows beforehand, is evaluated and saved."""
    data = [{"path": str(traces), "modes": {"direct": 3.0, "initial_full": 1.0}}]
    looks = evaluation(traces) | {"prompts": [], "every": every}
    chosen = recipe(
        beginning, traces, tmp_path, data=data, batch=rows, steps=None, epochs=2, evaluation=looks
    )
    course = run(chosen)
    seen = Counter(chain.from_iterable(course.documents.values()))
    assert len(seen) == 2 * NUM_TRACES
    assert set(seen.values()) == {2}
    last = max(course.documents)
    assert steps_in(tmp_path / CHECKPOINTS) == [last]
    looked = [line["step"] for line in history(tmp_path, "evaluation.jsonl")]
    assert looked == (list(range(1, last + 1)) if every == 1 else [last])
    assert run(chosen, resume=True).documents == {}, "there is nothing left"
    assert len(history(tmp_path)) == last


def test_a_folder_that_holds_a_run_is_left_alone(whole: Whole) -> None:
    before = (whole.out / "metrics.jsonl").read_bytes()
    with pytest.raises(ValueError, match=r"already holds a run, at step 20: go on with --resume"):
        train(whole.recipe)
    other = whole.recipe.model_copy(update={"seed": 1})
    with pytest.raises(CheckpointError, match=r"is of another run: seed was 0, is 1"):
        train(other, resume=True)
    assert (whole.out / "metrics.jsonl").read_bytes() == before


def test_a_run_does_not_go_on_from_or_with_anything_else(
    whole: Whole, beginning: Path, traces: Path, tmp_path: Path
) -> None:
    """Under the same names and of the same sizes: a weight in the middle of its file, a letter of a text."""
    shutil.copytree(beginning, tmp_path / "began")
    (weights,) = (tmp_path / "began").glob("ema*.safetensors")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    other = whole.recipe.model_copy(update={"init": str(tmp_path / "began")})
    with pytest.raises(CheckpointError, match="is of another run: weights of init was '"):
        run_and_resume(other)
    store = TraceStore(traces)
    with TraceWriter(tmp_path / "set", rows_per_group=8) as writer:
        for index in range(len(store)):
            trace = store.read(index)
            writer.write(replace(trace, prompt=trace.prompt[::-1]) if index == 20 else trace)
    data = tuple(one.model_copy(update={"path": tmp_path / "set"}) for one in whole.recipe.data)
    with pytest.raises(ValueError, match="or their lengths are not those of the plan's state"):
        run_and_resume(whole.recipe.model_copy(update={"data": data}))


def run_and_resume(chosen: TrainRecipe) -> None:
    with joined(chosen.device) as layout:
        run_of(chosen, layout).begin(resume=True)


def test_a_rate_past_all_reason_exports_nothing(beginning: Path, traces: Path, tmp_path: Path) -> None:
    wild = recipe(beginning, traces, tmp_path / "run", optimizer={"rate": 1e30}, steps=6)
    with pytest.raises(NonFiniteError, match=r"step \d cannot move the weights: the loss is nan"):
        train(wild)
    assert not (tmp_path / "run" / EXPORTED).exists()
    assert "NaN" not in (tmp_path / "run" / "metrics.jsonl").read_text()
