import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from irg.core import Document
from irg.core.trace import Trace
from irg.data import worker
from irg.data.learning import Mode
from irg.data.lengths import Measuring, survey
from irg.data.loader import StepLoader
from irg.data.plan import Planner
from irg.data.source import Fault, InputLostError, RowPlace
from irg.data.streams import Stream, counted
from irg.data.worker import LoadedRow, RowReader, loaded_rows
from tests.data.loading import OPTIONS, PREPARER, Truncated, content, planner, take
from tests.data.memory import MemorySource, episode, episodes, words


class Shifty(MemorySource):
    """Row 1 is longer when it is read than when it was surveyed, and row 2 is meant for another mode."""

    def read(self, index: int) -> Trace | Document:
        row = super().read(index)
        assert isinstance(row, Trace)
        if index == 1:
            return replace(row, prompt=words(9))
        return replace(row, modes=("edit",)) if index == 2 else row


class Faulty(MemorySource):
    def read(self, index: int) -> Trace | Document:
        raise KeyError("out of order")

    def place(self, index: int) -> RowPlace:
        return RowPlace("part-3", index)


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_images_are_left_out_and_told(workers: int) -> None:
    streams = [
        Stream(Truncated(episodes(9)), Mode.IMPROVING_FULL),
        Stream(MemorySource(episodes(9)), Mode.DIRECT),
    ]
    found = survey(streams, Measuring(PREPARER, longest=160))
    steps = take(1000, Planner(found.streams, OPTIONS, 4, epochs=1), workers)
    rejected = [one for step in steps for one in step.rejected]
    assert counted(rejected) == {("memory:improving_full", Fault.BROKEN_IMAGE): 3}
    assert sorted(one.error.row for one in rejected) == [0, 3, 6]
    assert "turns[1].image is a broken picture" in str(rejected[0].error)
    assert sum(len(row) for step in steps for row in step.rows) == 18 - 3


def test_rows_that_are_not_what_was_measured_are_left_out() -> None:
    source = Shifty([replace(one, prompt=words(2)) for one in (episode(0), episode(1), episode(2))])
    found = survey([Stream(source, Mode.DIRECT)], Measuring(PREPARER, longest=160))
    steps = take(1000, Planner(found.streams, OPTIONS, 0, epochs=1))
    told = {one.error.row: str(one.error) for step in steps for one in step.rejected}
    assert sorted(told) == [1, 2]
    assert "tokens, and had" in told[1]
    assert "meant for other modes now" in told[2]


@pytest.mark.parametrize("workers", [0, 1])
def test_failures_name_the_row(workers: int) -> None:
    found = survey([Stream(Faulty(episodes(1)), Mode.DIRECT)], Measuring(PREPARER, longest=160))
    with pytest.raises(
        RuntimeError, match=r"part-3, row 0 \(stream memory:direct\): KeyError: 'out of order'"
    ):
        take(1, Planner(found.streams, OPTIONS, 0), workers)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_die_with_their_parent() -> None:
    """Killed in the middle, when workers have more to send than anyone has taken."""
    script = "from tests.data.test_worker import *; big_rows()"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    workers = children(process.pid)
    time.sleep(0.5)
    assert len(workers) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while (left := [pid for pid in workers if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def big_rows() -> None:
    """Take one step of many, and wait."""
    streams = planner([episode(seed, side=64) for seed in range(9)]).streams
    plan = Planner(streams, replace(OPTIONS, tokens=4000, rows_per_step=8), seed=0)
    with StepLoader(plan, PREPARER, num_workers=2) as loader:
        next(iter(loader))
        print("first", flush=True)
        time.sleep(60)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_pixels_can_be_written() -> None:
    """Torch warns of arrays that are read-only, as those from other processes may be."""
    (step,) = take(1, planner(), workers=1)
    segments = [segment for row in step.rows for document in row for segment in document]
    pixels = [torch.from_numpy(one.pixels) for one in segments if one.kind.is_image]
    assert {one.dtype for one in pixels} == {torch.uint8}
    assert all(one.clone().add_(1).equal(one.add_(1)) for one in pixels)


def test_a_reader_gives_the_same_in_another_process() -> None:
    plan = planner()
    row = next(iter(planner())).rows[0]
    reader = RowReader(plan.streams, PREPARER, seed=4)
    here, there = reader[row], pickle.loads(pickle.dumps(reader))[row]
    assert len(here.documents) == len(row.samples) and not here.rejected
    assert list(map(content, here.unpack())) == list(map(content, there.unpack()))
    other = RowReader(plan.streams, PREPARER, seed=5)[row]
    assert [one.seed for one in here.documents] != [one.seed for one in other.documents]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_rows_come_in_the_order_in_which_they_are_asked_for(num_workers: int) -> None:
    plan = planner()
    rows = [row for step in islice(planner(), 4) for row in step.rows]
    reader = RowReader(plan.streams, PREPARER, seed=4)
    loaded = list(loaded_rows(iter(rows), reader, num_workers, ahead=3))
    assert len(loaded) == 12
    for row, one in zip(rows, loaded, strict=True):
        assert list(map(content, one.documents)) == list(map(content, reader[row].documents))


def test_a_failure_is_a_value_until_it_is_unpacked() -> None:
    assert LoadedRow((), ()).unpack() == ()
    with pytest.raises(RuntimeError, match="out of order"):
        LoadedRow((), (), "out of order").unpack()


class Flaky(MemorySource):
    """Its storage is away until somebody has asked a few times."""

    away = 2

    def read(self, index: int) -> Trace | Document:
        if self.away:
            self.away -= 1
            raise OSError(5, "Input/output error")
        return super().read(index)


@pytest.mark.parametrize(("away", "workers"), [(2, 0), (3, 0), (3, 2)])
def test_storage_is_waited_for_and_then_ends_the_run(
    away: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RETRY_SECONDS", (0.0, 0.0))
    source = Flaky(episodes(9))
    source.away = away
    found = survey([Stream(source, Mode.DIRECT)], Measuring(PREPARER, longest=160))
    plan = Planner(found.streams, OPTIONS, 4, epochs=1)
    if away == 2:
        steps = take(1000, plan, workers)
        assert sum(len(row) for step in steps for row in step.rows) == 9
        assert not any(step.rejected for step in steps)
        return
    with pytest.raises(InputLostError, match=r"Input/output error: it could be read before and cannot"):
        take(1000, plan, workers)
