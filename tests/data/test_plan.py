import json
import time
from collections import Counter
from itertools import chain, islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irg.data.budget import fitting_budget
from irg.data.learning import Mode
from irg.data.lengths import Measured, Measuring, RowLengths, survey
from irg.data.plan import PackingOptions, PlannedRow, PlannedStep, Planner
from irg.data.source import Fault, RowError
from irg.data.streams import Stream
from tests.data.irg_lengths import BUDGET, streams
from tests.data.memory import MemorySource, Row, VirtualSource, episode, episodes, tiny_preparer


def stream(name: str, lengths: list[int], weight: float = 1.0, required: bool = False) -> Measured:
    """A stream of rows of given lengths; nobody will read them."""
    source = MemorySource(episodes(1) * len(lengths), name, group=3)
    one = Stream(source, Mode.DIRECT, weight, required=required, name=name)
    return Measured(one, RowLengths(lengths, [1] * len(lengths)), 1)


def keys(steps: list[PlannedStep]) -> Counter[tuple[str, int, int]]:
    samples = (sample for step in steps for row in step.rows for sample in row.samples)
    return Counter((sample.stream, sample.epoch, sample.index) for sample in samples)


LENGTHS = st.lists(st.integers(1, 100), min_size=1, max_size=40)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(LENGTHS, min_size=1, max_size=3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 20),
    st.booleans(),
    st.data(),
)
def test_loses_no_sample(
    lengths: list[list[int]], epochs: int, rows: int, lookahead: int, budget: bool, data: st.DataObject
) -> None:
    """Every row comes exactly once per epoch, whatever the lengths; no row is overfull."""
    mixture = [
        stream(str(number), one, data.draw(st.sampled_from([0.1, 1.0, 3.0])), data.draw(st.booleans()))
        for number, one in enumerate(lengths)
    ]
    size: dict[str, Any] = {"tokens": 100} if budget else {"documents": 5}
    options = PackingOptions(**size, rows_per_step=rows, lookahead=lookahead)
    steps = list(Planner(mixture, options, seed=1, epochs=epochs))
    assert keys(steps) == {
        (str(number), epoch, index): 1
        for number, one in enumerate(lengths)
        for epoch in range(epochs)
        for index in range(len(one))
    }
    assert [step.step for step in steps] == list(range(len(steps)))
    assert all(len(step.rows) == rows for step in steps)
    assert all(any(row.samples for row in step.rows) for step in steps)
    for row in (row for step in steps for row in step.rows):
        used = row.tokens if budget else len(row.samples)
        assert row.fill == pytest.approx(used / (100 if budget else 5))
        assert used <= (100 if budget else 5)


@pytest.mark.parametrize("sizes", ["512", "1024"])
@pytest.mark.parametrize("stage", [1, 2])
@pytest.mark.parametrize("budget", [BUDGET, 36_864])
def test_rows_are_full(stage: int, sizes: str, budget: int) -> None:
    options = PackingOptions(tokens=budget, rows_per_step=8)
    steps = list(islice(Planner(streams(stage, sizes), options, seed=0), 40))
    fills = [row.fill for step in steps for row in step.rows]
    assert np.mean(fills) >= 0.99
    assert min(fills) >= 0.9
    assert not any(step.missing for step in steps)


def test_planning_is_fast() -> None:
    planner = Planner(streams(1, "512"), PackingOptions(tokens=BUDGET, rows_per_step=8), seed=0)
    started = time.process_time()
    num_samples = sum(len(row.samples) for step in islice(planner, 200) for row in step.rows)
    assert num_samples / (time.process_time() - started) >= 20_000


def test_no_sample_waits_for_long() -> None:
    """Samples that nothing goes with well are packed all the same."""
    mixture = [stream("small", [30] * 50, weight=50), stream("odd", [59], weight=1)]
    planner = Planner(mixture, PackingOptions(tokens=90, lookahead=16), seed=0)
    drawn: dict[tuple[str, int, int], int] = {}
    waits = []
    for step in islice(planner, 400):
        for stream_name, epoch, index, _ in planner.state_dict()["waiting"]:
            drawn.setdefault((stream_name, epoch, index), step.step)
        waits += [step.step - drawn[key] for key in keys([step]) if key in drawn]
    assert max(waits) <= 16


def test_required_streams_are_in_every_step() -> None:
    rare, common = stream("rare", [20] * 5, 0.001, required=True), stream("common", [10, 25, 40] * 9)
    steps = list(islice(Planner([common, rare], PackingOptions(tokens=100, rows_per_step=2), seed=0), 50))
    assert not any(step.missing for step in steps)
    counts = [sum(sample.stream == "rare" for row in step.rows for sample in row.samples) for step in steps]
    assert set(counts) == {1}, "and no more often than that"
    documents = PackingOptions(documents=3)
    for step in islice(Planner([common, rare], documents, seed=0), 50):
        assert {"rare"} < {sample.stream for row in step.rows for sample in row.samples}


def test_a_step_without_room_for_a_required_stream_says_so() -> None:
    mixture = [stream(name, [60] * 5, required=True) for name in ("one", "two")]
    steps = list(islice(Planner(mixture, PackingOptions(tokens=100), seed=0), 40))
    assert all(len(step.missing) == 1 for step in steps)
    assert {step.rows[0].samples[0].stream for step in steps} == {"one", "two"}, "patience has an end"


def test_a_required_stream_that_has_ended_asks_for_nothing() -> None:
    mixture = [stream("one", [10] * 3, required=True), stream("two", [10] * 60)]
    steps = list(Planner(mixture, PackingOptions(tokens=30, lookahead=1), seed=0, epochs=1))
    assert not any(step.missing for step in steps)
    assert sum(keys(steps).values()) == 63


def test_rows_are_dealt_out_to_processes() -> None:
    planner = Planner([stream("one", [10] * 7)], PackingOptions(documents=1, rows_per_step=5), 0, epochs=1)
    first, last = list(planner)
    for step in (first, last):
        for world in (1, 2, 3, 7):
            shares = [step.rows_of(rank, world) for rank in range(world)]
            assert len({len(share) for share in shares}) == 1, "all have as many"
            dealt = [shares[place % world][place // world] for place in range(5)]
            assert dealt == list(step.rows)
            assert sum(len(row.samples) for share in shares for row in share) == sum(
                len(row.samples) for row in step.rows
            )
    assert [len(row.samples) for row in last.rows] == [1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    "options", [PackingOptions(tokens=100, rows_per_step=2), PackingOptions(documents=3)]
)
@pytest.mark.parametrize("epochs", [None, 2])
def test_goes_on_from_its_state(options: PackingOptions, epochs: int | None) -> None:
    draw = np.random.default_rng(0)
    mixture = [
        stream(name, draw.integers(1, 90, 40).tolist(), weight, required=name == "b")
        for name, weight in (("a", 1.0), ("b", 0.3))
    ]
    planner = Planner(mixture, options, seed=5, epochs=epochs)
    whole = list(islice(Planner(mixture, options, seed=5, epochs=epochs), 60))
    for done in range(len(whole)):
        other = Planner(mixture, options, seed=5, epochs=epochs)
        other.load_state_dict(json.loads(json.dumps(planner.state_dict(), sort_keys=True)))
        assert list(islice(other, 60 - done))[: len(whole) - done] == whole[done:]
        planner.plan()


def test_another_seed_is_another_plan() -> None:
    mixture = [stream("one", list(range(1, 50)))]
    plans = [list(Planner(mixture, PackingOptions(tokens=100), seed, epochs=1)) for seed in (0, 0, 1)]
    assert plans[0] == plans[1] != plans[2]


def test_refuses_the_state_of_something_else() -> None:
    options = PackingOptions(tokens=100)

    def planner(*mixture: Measured, seed: int = 0) -> Planner:
        return Planner(mixture, options, seed)

    saved = planner(stream("one", [3, 4, 5])).state_dict()
    planner(stream("one", [3, 4, 5])).load_state_dict(saved)
    with pytest.raises(ValueError, match="that of the streams one, not of two"):
        planner(stream("two", [3, 4, 5])).load_state_dict(saved)
    with pytest.raises(ValueError, match="the rows of one or their lengths"):
        planner(stream("one", [3, 4, 6])).load_state_dict(saved)
    with pytest.raises(ValueError, match="seed 0, not of 1"):
        planner(stream("one", [3, 4, 5]), seed=1).load_state_dict(saved)
    with pytest.raises(ValueError, match="version 7"):
        planner(stream("one", [3, 4, 5])).load_state_dict(saved | {"version": 7})


def test_a_changed_source_is_refused() -> None:
    def planner(fingerprint: str) -> Planner:
        one = Stream(MemorySource(episodes(3), fingerprint=fingerprint), Mode.DIRECT)
        return Planner(survey([one], Measuring(tiny_preparer())).streams, PackingOptions(documents=1), 0)

    state = planner("1").state_dict()
    planner("1").load_state_dict(state)
    with pytest.raises(ValueError, match="the rows of memory:direct"):
        planner("2").load_state_dict(state)


def test_virtual_streams_are_planned_and_their_bad_rows_told() -> None:
    rows: list[Row] = [*episodes(12), RowError("file", 12, Fault.UNFIT, "so it is")]
    one = survey([Stream(VirtualSource(rows), Mode.DIRECT, name="v")], Measuring(tiny_preparer())).streams
    options = PackingOptions(documents=2)
    steps = list(Planner(one, options, seed=0, epochs=3))
    assert keys(steps) == {("v", epoch, index): 1 for epoch in range(3) for index in range(12)}
    assert sum(len(step.rejected) for step in steps) == 3
    planner = Planner(one, options, seed=0, epochs=3)
    planner.plan()
    other = Planner(one, options, seed=0, epochs=3)
    other.load_state_dict(planner.state_dict())
    assert [step.rows for step in other] == [step.rows for step in steps[1:]]


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="either tokens or documents"):
        PackingOptions()
    with pytest.raises(ValueError, match="either tokens or documents"):
        PackingOptions(tokens=10, documents=1)
    with pytest.raises(ValueError, match="lookahead is 0"):
        PackingOptions(tokens=10, lookahead=0)
    with pytest.raises(ValueError, match="epochs is 0"):
        Planner([stream("one", [1])], PackingOptions(tokens=10), 0, epochs=0)
    with pytest.raises(ValueError, match="a sample of one has 11 tokens, a row only 10"):
        Planner([stream("one", [11])], PackingOptions(tokens=10), 0).plan()
    with pytest.raises(ValueError, match="no token budget"):
        fitting_budget([stream("one", [1])], PackingOptions(documents=1), 0)
    virtual = survey([Stream(VirtualSource([episode(0)]), Mode.DIRECT)], Measuring(tiny_preparer())).streams
    with pytest.raises(ValueError, match="is virtual"):
        fitting_budget(virtual, PackingOptions(tokens=1000), 0)


def test_a_sample_that_has_waited_goes_before_a_required_stream() -> None:
    """One that never fits beside it goes first every eighth step after it was drawn, and not before."""
    wide, needed = stream("wide", [50] * 9), stream("needed", [60] * 9, 1e-9, required=True)
    planner = Planner([wide, needed], PackingOptions(tokens=100, lookahead=1), seed=0)
    steps = list(islice(planner, 40))
    without = [step.step for step in steps if step.missing]
    assert without[0] == 8 and all(later - earlier >= 8 for earlier, later in pairwise(without))
    assert len(without) >= 4


def test_rows_that_a_process_gets_to_wait_for_none_are_empty() -> None:
    rows = tuple(PlannedRow((), 0.5) for _ in range(4))
    step = PlannedStep(0, rows)
    assert [len(step.rows_of(rank, 3)) for rank in range(3)] == [2, 2, 2]
    assert [row.fill for row in step.rows_of(2, 3)] == [0.5, 0.0]


def test_a_required_sample_may_fill_all_that_is_left_of_a_row() -> None:
    mixture = [stream("whole", [100] * 9, required=True), stream("other", [100] * 9, 1e-9)]
    steps = list(islice(Planner(mixture, PackingOptions(tokens=100, lookahead=2), seed=0), 5))
    assert not any(step.missing for step in steps)
    assert [step.rows[0].samples[0].stream for step in steps] == ["whole"] * 5


def test_the_streams_of_another_state_are_listed() -> None:
    state = Planner([stream("a", [1]), stream("b", [1])], PackingOptions(tokens=9), seed=0).state_dict()
    with pytest.raises(ValueError, match="that of the streams a, b, not of c"):
        Planner([stream("c", [1])], PackingOptions(tokens=9), seed=0).load_state_dict(state)


def test_large_groups_are_read_once_in_an_epoch() -> None:
    """By readers that keep two, though rows wait to be packed while the next group is begun."""
    source = MemorySource(episodes(120), group=20, group_size=110 << 20)
    found = survey([Stream(source, Mode.DIRECT)], Measuring(tiny_preparer()))
    options = PackingOptions(tokens=60, lookahead=16)
    kept: list[int] = []
    reads: Counter[int] = Counter()
    for step in Planner(found.streams, options, seed=0, epochs=1):
        for sample in chain.from_iterable(row.samples for row in step.rows):
            group = sample.index // 20
            reads[group] += group not in kept
            kept = [*(one for one in kept if one != group), group][-2:]
    assert reads == dict.fromkeys(range(6), 1)
