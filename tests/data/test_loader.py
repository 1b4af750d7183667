import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from irg.core import Document
from irg.core.trace import Trace
from irg.data.learning import IRGL, Mode
from irg.data.lengths import Measuring, survey
from irg.data.loader import LoadedStep, StepLoader
from irg.data.plan import PackingOptions, Planner
from irg.data.source import Fault, RowError, RowPlace
from irg.data.streams import Stream, counted
from tests.data.memory import MemorySource, Row, VirtualSource, episode, episodes, tiny_preparer, words

PREPARER = tiny_preparer()
OPTIONS = PackingOptions(tokens=160, rows_per_step=3, lookahead=8)


def planner(
    rows: Sequence[Row] | None = None, epochs: int | None = None, modes: Sequence[Mode] = IRGL
) -> Planner:
    source = MemorySource(rows if rows is not None else episodes(9))
    streams = [Stream(source, mode, 1.0 if mode.endswith("full") else 0.5) for mode in modes]
    found = survey(streams, Measuring(PREPARER, copies=2, longest=OPTIONS.tokens))
    return Planner(found.streams, OPTIONS, seed=4, epochs=epochs)


def take(count: int, plan: Planner, workers: int = 0, rank: int = 0, world: int = 1) -> list[LoadedStep]:
    with StepLoader(plan, PREPARER, rank, world, num_workers=workers) as loader:
        return list(islice(loader, count))


def content(document: Document) -> tuple:
    """Everything in a document, comparable."""
    segments = [
        (one.kind, one.role, one.turn, one.loss, one.grid, one.pixels.tobytes() if one.grid else one.ids)
        for one in document
    ]
    return document.mode, document.seed, tuple(segments)


def contents(steps: Sequence[LoadedStep]) -> list[list[list[tuple]]]:
    return [[[content(document) for document in row] for row in step.rows] for step in steps]


def test_loads_what_is_planned() -> None:
    plan = planner()
    by_name = {one.stream.name: one.stream for one in plan.streams}
    expected = list(islice(planner(), 3))
    for step, loaded in zip(expected, take(3, plan), strict=True):
        assert loaded.planned == step
        assert loaded.capacity == 3 * 160
        assert loaded.rejected == ()
        for row, documents in zip(step.rows, loaded.rows, strict=True):
            for sample, document in zip(row.samples, documents, strict=True):
                seed = sample.seed(4)
                again = PREPARER(by_name[sample.stream].document(sample.index, choice=seed), seed)
                assert content(again) == content(document)


@pytest.fixture(scope="module")
def uninterrupted() -> list[LoadedStep]:
    return take(8, planner())


@pytest.mark.parametrize("workers", [0, 2])
def test_goes_on_where_a_checkpoint_was_made(uninterrupted: list[LoadedStep], workers: int) -> None:
    """After any step, whatever had been prepared ahead, and with other workers than before."""
    for done in (1, 3):
        first = take(done, planner(), workers)
        resumed = planner()
        resumed.load_state_dict(json.loads(json.dumps(first[-1].state)))
        rest = take(8 - done, resumed, 2 - workers)
        assert contents(first + rest) == contents(uninterrupted)
        assert [step.state for step in first + rest] == [step.state for step in uninterrupted]


@pytest.mark.parametrize("workers", [0, 2])
def test_goes_on_with_another_number_of_processes(uninterrupted: list[LoadedStep], workers: int) -> None:
    first = take(3, planner(), workers)
    shares = []
    for rank in range(2):
        resumed = planner()
        resumed.load_state_dict(first[-1].state)
        shares.append(take(5, resumed, workers, rank, world=2))
    for even, odd, whole in zip(*shares, uninterrupted[3:], strict=True):
        assert [len(step.rows) for step in (even, odd)] == [2, 2]
        assert even.state == odd.state == whole.state
        rows = [even.rows[0], odd.rows[0], even.rows[1], odd.rows[1]]
        assert [[content(one) for one in row] for row in rows] == [*contents([whole])[0], []]


@pytest.mark.parametrize("workers", [0, 2])
def test_epochs_end_with_every_row_seen(workers: int) -> None:
    steps = [step for rank in range(2) for step in take(1000, planner(epochs=1), workers, rank, world=2)]
    seeds = Counter(document.seed for step in steps for row in step.rows for document in row)
    assert len(seeds) == 9 * len(IRGL)
    assert set(seeds.values()) == {1}


def test_a_second_iteration_goes_on(uninterrupted: list[LoadedStep]) -> None:
    with StepLoader(planner(), PREPARER, num_workers=2) as loader:
        steps = [*islice(loader, 2), *islice(loader, 3)]
        assert loader.planner.step > 5, "workers are ahead"
    assert loader.planner.state_dict() == uninterrupted[4].state
    assert contents(steps) == contents(uninterrupted[:5])


def test_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    take(1, planner(), workers=1)
    assert torch.equal(torch.random.get_rng_state(), before)


class Truncated(MemorySource):
    """Every third row has an image that ends in the middle, which only reading its pixels tells."""

    def read(self, index: int) -> Trace | Document:
        if index % 3 == 0:
            raise self.place(index).error(Fault.BROKEN_IMAGE, "turns[1].image is a broken picture")
        return super().read(index)


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


@pytest.mark.parametrize("workers", [0, 2])
def test_strict_stops_at_a_broken_image(workers: int) -> None:
    found = survey([Stream(Truncated(episodes(3)), Mode.IMPROVING_FULL)], Measuring(PREPARER, longest=160))
    plan = Planner(found.streams, OPTIONS, 4)
    loader = StepLoader(plan, PREPARER, num_workers=workers, strict=True)
    with loader, pytest.raises(RowError, match="memory, row 0: broken image"):
        list(loader)


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


def test_what_planning_rejects_is_told_once() -> None:
    rows: list[Row] = [*episodes(5), RowError("file", 5, Fault.UNFIT, "so it is")]
    for rank in range(2):
        streams = survey([Stream(VirtualSource(rows), Mode.DIRECT)], Measuring(PREPARER, longest=160)).streams
        steps = take(1000, Planner(streams, OPTIONS, 0, epochs=1), rank=rank, world=2)
        assert sum(len(step.rejected) for step in steps) == (1 if rank == 0 else 0)


@dataclass(eq=False)
class Slow(MemorySource):
    seconds: float = 0.02

    def read(self, index: int) -> Trace | Document:
        time.sleep(self.seconds)
        return super().read(index)


def test_tells_how_long_it_waited() -> None:
    found = survey([Stream(Slow(episodes(6)), Mode.DIRECT)], Measuring(PREPARER, longest=160))
    (step,) = take(1, Planner(found.streams, OPTIONS, 0))
    assert step.seconds_waited >= 0.02 * sum(len(row) for row in step.rows) > 0.05
    with StepLoader(Planner(found.streams, OPTIONS, 0), PREPARER, num_workers=2) as loader:
        steps = iter(loader)
        next(steps)
        time.sleep(1)
        assert next(steps).seconds_waited < 0.05, "workers went on meanwhile"


def test_refuses_ranks_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="rank is 2, expected 0 to 1"):
        StepLoader(planner(), PREPARER, rank=2, world=2)
    with pytest.raises(ValueError, match="num_workers is -1"):
        StepLoader(planner(), PREPARER, num_workers=-1)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_die_with_their_parent() -> None:
    """Killed in the middle, when workers have more to send than anyone has taken."""
    script = "from tests.data.test_loader import *; big_rows()"
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
