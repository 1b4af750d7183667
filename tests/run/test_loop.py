"""A run of any objective on any feed: it stops, goes on bit for bit, evaluates its average, and ends."""

import json
import math
import os
import signal
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from irg.data.source import InputLostError
from irg.model.checkpoint import CheckpointError
from irg.run.checkpoint import NonFiniteError
from irg.run.loop import CHECKPOINTS, FedStep, Run, StoppedError, newest_step
from irg.run.rng import restore_rng, rng_state
from irg.run.saved import steps_in
from irg.run.settings import NonFinite, SavingSettings
from irg.run.step import Totals
from tests.run.toy import ALONE, Drawing, Line, Looking, Points, settings

MEASURED = {"seconds", "data_wait", "samples_per_second", "tokens_per_second", "tflops", "memory"}


@pytest.fixture(autouse=True)
def generators() -> Any:
    """Runs seed the global generators."""
    before = rng_state(ALONE)
    yield
    restore_rng(before, ALONE)


def made(out: Path, length: int | None = None, **changes: Any) -> Run[torch.Tensor, Points]:
    torch.manual_seed(1)
    line = Line(accumulate=2)
    feed = Drawing(line.model, 6, length)
    return Run(line, feed, settings(out, **changes), ALONE, Looking(line.model))


def lines(out: Path, file: str = "metrics.jsonl") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (out / file).read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in MEASURED} for line in found]


def test_a_run_steps_to_its_end_and_tells_of_everything(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.begin(resume=False)
    run.go_on()
    found = lines(tmp_path)
    assert [line["step"] for line in found] == list(range(1, 9))
    assert list(found[0]) == ["step", "loss", "error", "slope", "below", "above", "norm", "rate", "padding"]
    assert found[0]["padding"] == pytest.approx(1 - 12 / 100)
    assert steps_in(tmp_path / CHECKPOINTS) == [6, 8]
    assert newest_step(tmp_path) == 8
    assert isinstance(run.feed, Drawing) and run.feed.left
    rejected = [json.loads(line)["step"] for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert rejected == [0, 0], "by the feed and by the evaluation, both before the first step"


def test_what_is_looked_at_is_the_average(tmp_path: Path) -> None:
    run = made(tmp_path)
    run.begin(resume=False)
    run.go_on()
    looked = lines(tmp_path, "evaluation.jsonl")
    assert [line["step"] for line in looked] == [3, 6, 8]
    assert looked[-1]["bias"] == run.average.values["bias"].item() != run.objective.model.bias.item()


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Though its feed draws with the weights, and with the global generator."""
    whole, stopped = made(tmp_path / "whole"), made(tmp_path / "stopped")
    whole.begin(resume=False)
    whole.go_on()
    stopped.begin(resume=False)

    def ask(*_: object) -> None:
        if stopped.step == 3:
            hook.remove()  # asked twice, it would stop at once
            os.kill(os.getpid(), signal.SIGTERM)

    hook = stopped.objective.model.register_forward_hook(ask)
    with pytest.raises(KeyboardInterrupt):
        stopped.go_on()
    (*_, saved) = steps_in(tmp_path / "stopped" / CHECKPOINTS)
    assert saved in (4, 5)
    later = made(tmp_path / "stopped")
    later.begin(resume=True)
    assert later.step == saved
    later.go_on()
    for file in ("metrics.jsonl", "evaluation.jsonl"):
        assert lines(tmp_path / "stopped", file) == lines(tmp_path / "whole", file)
    for name, value in whole.objective.model.state_dict().items():
        assert torch.equal(value, later.objective.model.state_dict()[name])
        assert torch.equal(whole.average.values[name], later.average.values[name])


def test_a_run_ends_with_its_feed(tmp_path: Path) -> None:
    run = made(tmp_path, length=4, steps=None)
    run.begin(resume=False)
    run.go_on()
    assert run.step == 4 and steps_in(tmp_path / CHECKPOINTS) == [3, 4]
    assert [line["step"] for line in lines(tmp_path, "evaluation.jsonl")] == [3, 4]
    again = made(tmp_path, length=4, steps=None)
    again.begin(resume=True)
    again.go_on()
    assert again.step == 4, "there is nothing left"


def test_a_run_may_leave_off_before_the_end_of_its_schedule(tmp_path: Path) -> None:
    run = made(tmp_path, stop_at=2, checkpoint=SavingSettings(every=100))
    run.begin(resume=False)
    run.go_on()
    assert run.step == 2 and steps_in(tmp_path / CHECKPOINTS) == [2]


def test_a_folder_with_a_run_is_refused_unless_it_is_the_same_run(tmp_path: Path) -> None:
    assert newest_step(tmp_path) is None
    run = made(tmp_path, stop_at=1)
    run.begin(resume=False)
    run.go_on()
    with pytest.raises(ValueError, match="already holds a run, at step 1: go on with --resume"):
        made(tmp_path).begin(resume=False)
    other = made(tmp_path)
    other.checkpoints.identity["kind"] = "other"
    with pytest.raises(CheckpointError, match="kind was 'toy', is 'other'"):
        other.begin(resume=True)


class Spoiled(Drawing):
    """In the chosen steps its points are what is given instead: no numbers, or none at all."""

    def __init__(self, run: Run[torch.Tensor, Points], points: torch.Tensor, *steps: int) -> None:
        assert isinstance(run.feed, Drawing)
        super().__init__(run.feed.model, run.feed.count, run.feed.length)
        self.points, self.steps = points, steps

    def __iter__(self) -> Generator[FedStep[torch.Tensor]]:
        for fed in super().__iter__():
            yield replace(fed, rows=self.points) if self.step in self.steps else fed


def spoiled(out: Path, points: list[float], *steps: int, **changes: Any) -> Run[torch.Tensor, Points]:
    run = made(out, **changes)
    run.feed = Spoiled(run, torch.tensor(points), *steps)
    return run


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_a_loss_that_is_no_number_ends_the_run_before_anything_moves(tmp_path: Path, value: float) -> None:
    run = spoiled(tmp_path, [value, 1.0], 5)
    run.begin(resume=False)
    with pytest.raises(NonFiniteError, match=r"step 5 cannot move .*: the loss is .*step 3 is saved"):
        run.go_on()
    assert all(one.isfinite().all() for one in run.objective.model.state_dict().values())
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4]
    assert steps_in(tmp_path / CHECKPOINTS) == [3]


@pytest.mark.parametrize(("points", "policy"), [([math.nan, 1.0], NonFinite.SKIP), ([], NonFinite.STOP)])
def test_a_step_that_is_skipped_moves_nothing_and_is_counted(
    tmp_path: Path, points: list[float], policy: NonFinite
) -> None:
    """One without any points, too, though the optimizer's momentum would move the weights."""
    run = spoiled(tmp_path, points, 4, 7, non_finite=policy, checkpoint=SavingSettings(every=1, keep=8))
    run.begin(resume=False)
    run.go_on()
    found = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in found and "Infinity" not in found
    assert [line.get("skipped") for line in lines(tmp_path)] == [None, None, None, 1, 1, 1, 2, 2]
    before, after = (
        (tmp_path / CHECKPOINTS / f"step-0000000{step}" / "index.json").read_text() for step in (3, 4)
    )
    assert before == after, "weights, average and moments"
    again = spoiled(tmp_path, points, non_finite=policy)
    again.begin(resume=True)
    assert again.skipped == 2


@pytest.mark.parametrize("points", [[math.nan], []])
def test_a_run_that_only_skips_ends(tmp_path: Path, points: list[float]) -> None:
    run = spoiled(tmp_path, points, *range(3, 100), non_finite=NonFinite.SKIP, steps=99)
    run.begin(resume=False)
    with pytest.raises(NonFiniteError, match=r"^step 13 cannot .*, as 10 before it\. Nothing moved"):
        run.go_on()


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_what_is_no_number_is_never_saved(tmp_path: Path, value: float) -> None:
    run = made(tmp_path, steps=3)
    run.begin(resume=False)
    run.average.values["bias"].fill_(value)
    with pytest.raises(NonFiniteError, match=r"step 3 is not saved: 1 tensors hold .* \(ema/bias"):
        run.go_on()
    assert steps_in(tmp_path / CHECKPOINTS) == []


class Losing(Drawing):
    """Its storage goes away after three steps."""

    def __iter__(self) -> Generator[FedStep[torch.Tensor]]:
        for fed in super().__iter__():
            yield fed
            if self.step == 3:
                raise InputLostError("gone")


def test_a_run_whose_storage_goes_away_ends_with_what_it_has(tmp_path: Path) -> None:
    whole, run = made(tmp_path / "whole"), made(tmp_path / "run", checkpoint=SavingSettings(every=100))
    whole.begin(resume=False)
    whole.go_on()
    assert isinstance(run.feed, Drawing)
    run.feed = Losing(run.feed.model, run.feed.count)
    run.begin(resume=False)
    with pytest.raises(InputLostError, match="gone"):
        run.go_on()
    assert steps_in(tmp_path / "run" / CHECKPOINTS) == [3]
    later = made(tmp_path / "run")
    later.begin(resume=True)
    later.go_on()
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")


class Telling(Drawing):
    """Says of each step what was drawn; of the second, that it cannot be said."""

    def __iter__(self) -> Generator[FedStep[torch.Tensor]]:
        for fed in super().__iter__():
            yield replace(fed, values={"drawn": float(self.step) if self.step != 2 else math.nan})


def test_what_a_feed_says_of_its_rows_is_logged(tmp_path: Path) -> None:
    line = Line()
    run = Run(line, Telling(line.model, 6), settings(tmp_path, steps=3), ALONE)
    run.begin(resume=False)
    run.go_on()
    assert [found["drawn"] for found in lines(tmp_path)] == [1.0, None, 3.0]


def test_a_guard_stops_a_run_before_its_step_moves_anything(tmp_path: Path) -> None:
    line, seen = Line(), []

    def guard(totals: Totals) -> None:
        seen.append((line.model.bias.item(), totals.losses["error"]))
        if len(seen) == 5:
            raise StoppedError("it runs away")

    run = Run(line, Drawing(line.model, 6), settings(tmp_path), ALONE, guard=guard)
    run.begin(resume=False)
    with pytest.raises(StoppedError, match="it runs away"):
        run.go_on()
    assert line.model.bias.item() == seen[-1][0] and steps_in(tmp_path / CHECKPOINTS) == [3]
    assert [found["error"] for found in lines(tmp_path)] == [error for _, error in seen[:-1]]


class Stopping(Drawing):
    """Has seen enough before its fifth step."""

    def __iter__(self) -> Generator[FedStep[torch.Tensor]]:
        for fed in super().__iter__():
            if self.step == 5:
                raise StoppedError("that is enough")
            yield fed


def test_a_feed_that_stops_a_run_lets_it_save_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    run = Run(line, Stopping(line.model, 6), settings(tmp_path), ALONE)
    waited, wait = [], run.checkpoints.wait

    def told() -> None:
        wait()
        waited.append(run.step)

    run.begin(resume=False)
    monkeypatch.setattr(run.checkpoints, "wait", told)
    with pytest.raises(StoppedError, match="that is enough"):
        run.go_on()
    assert waited[-1] == 4 and steps_in(tmp_path / CHECKPOINTS) == [3]
