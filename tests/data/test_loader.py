import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import pytest
import torch

from irg.core import Document
from irg.core.trace import Trace
from irg.data.learning import IRGL, Mode
from irg.data.lengths import Measuring, survey
from irg.data.loader import LoadedStep, StepLoader
from irg.data.plan import Planner
from irg.data.source import Fault, RowError
from irg.data.streams import Stream
from tests.data.loading import OPTIONS, PREPARER, Truncated, content, planner, take
from tests.data.memory import MemorySource, Row, VirtualSource, episodes


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


@pytest.mark.parametrize("workers", [0, 2])
def test_strict_stops_at_a_broken_image(workers: int) -> None:
    found = survey([Stream(Truncated(episodes(3)), Mode.IMPROVING_FULL)], Measuring(PREPARER, longest=160))
    plan = Planner(found.streams, OPTIONS, 4)
    loader = StepLoader(plan, PREPARER, num_workers=workers, strict=True)
    with loader, pytest.raises(RowError, match="memory, row 0: broken image"):
        list(loader)


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
