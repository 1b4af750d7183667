"""Runs of one process: parts of a step, stopping and going on, epochs, folders that hold a run already."""

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from irg.model.checkpoint import CheckpointError
from irg.run.checkpoint import NonFiniteError
from irg.run.loop import CHECKPOINTS
from irg.run.saved import steps_in
from irg.train.unified import EXPORTED, train
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
    whole: Whole, beginning: Path, traces: Path, tmp_path: Path
) -> None:
    """It saves what it is after the next step, and nothing later tells that it was stopped: losses, order of
    the data, and the averaged weights that it leaves."""
    chosen = recipe(beginning, traces, tmp_path / "run", workers=1, checkpoint={"every": 2})
    assert run(chosen, stop_in=6).interrupted
    assert steps_in(chosen.out / CHECKPOINTS) == [6, 7]
    assert history(chosen.out) == history(whole.out)[:7]
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


def test_a_rate_past_all_reason_exports_nothing(beginning: Path, traces: Path, tmp_path: Path) -> None:
    wild = recipe(beginning, traces, tmp_path / "run", optimizer={"rate": 1e30}, steps=6)
    with pytest.raises(NonFiniteError, match=r"step \d cannot move the weights: the loss is nan"):
        train(wild)
    assert not (tmp_path / "run" / EXPORTED).exists()
    assert "NaN" not in (tmp_path / "run" / "metrics.jsonl").read_text()
