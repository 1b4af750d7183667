from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from irg.data.learning import Mode
from irg.data.lengths import Measured, Measuring, survey
from irg.data.mixture import Cursor, Mixture, Window, epoch_order
from irg.data.source import Fault, RowError
from irg.data.streams import Stream
from tests.data.memory import MemorySource, Row, VirtualSource, episode, episodes, tiny_preparer, words

MEASURING = Measuring(tiny_preparer())


def measured(rows: list[Row], weight: float = 1.0, name: str = "one", virtual: bool = False) -> Measured:
    source = (VirtualSource if virtual else MemorySource)(rows)
    stream = Stream(source, Mode.INITIAL_THINKING, weight, name=name)
    return survey([stream], MEASURING).streams[0]


def bad(row: int) -> RowError:
    return RowError("file", row, Fault.BAD_JSON, "is broken")


def indices(cursor: Cursor, count: int) -> list[int]:
    drawn = [cursor.draw() for _ in range(count)]
    return [sample.index for sample in drawn if sample is not None]


def test_an_epoch_has_every_usable_row_once() -> None:
    usable = np.array([0, 1, 3, 8, 9, 10, 11])
    order = epoch_order(usable, MemorySource(episodes(12)), window=Window(2), seed=0)
    assert sorted(order) == usable.tolist()
    assert order.tolist() != usable.tolist()


def test_rows_of_few_groups_are_read_together() -> None:
    source = MemorySource(list(episodes(1)) * 800, group=10)
    order = epoch_order(np.arange(800), source, window=Window(4), seed=0)
    windows = [set((order[at : at + 40] // 10).tolist()) for at in range(0, 800, 40)]
    assert all(len(window) == 4 for window in windows)
    assert set.union(*windows) == set(range(80))
    assert windows[0] != {0, 1, 2, 3}, "groups are shuffled"
    assert len(set((order[:40] // 10).tolist()[:10])) > 1, "rows of a window are shuffled"


def test_a_window_has_so_many_groups_or_so_many_bytes() -> None:
    window = Window(3, num_bytes=100)
    assert window.numbers([10] * 7).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert window.numbers([60, 40, 10, 200, 50, 50, 1]).tolist() == [0, 0, 1, 2, 3, 3, 4]
    assert window.numbers([]).tolist() == []


def test_epochs_differ_and_seeds_differ() -> None:
    def two_epochs(seed: int) -> tuple[list[int], list[int]]:
        cursor = Cursor(measured(episodes(20)), seed=seed, window=Window(16))
        return indices(cursor, 20), indices(cursor, 20)

    first, second = two_epochs(0)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert two_epochs(0) == (first, second)
    assert two_epochs(1) != (first, second)


def test_epochs_come_to_an_end() -> None:
    cursor = Cursor(measured(episodes(3)), seed=0, window=Window(16), epochs=2)
    assert Counter(indices(cursor, 9)) == {0: 2, 1: 2, 2: 2}
    assert cursor.ended


def test_unusable_rows_of_virtual_streams_are_passed_over_and_told() -> None:
    rows: list[Row] = [episode(0), bad(1), episode(2, modes=("direct",)), episode(3)]
    mixture = Mixture([measured(rows, virtual=True)], seed=0, window=Window(16), epochs=2)
    drawn = [sample.index for sample in iter(mixture.draw, None)]
    assert Counter(drawn) == {0: 2, 3: 2}
    assert [(one.stream, one.error.row) for one in mixture.take_rejected()] == [("one", 1)] * 2
    assert mixture.take_rejected() == ()


@pytest.mark.parametrize("epochs", [None, 1])
def test_virtual_streams_without_usable_rows_are_errors(epochs: int | None) -> None:
    cursor = Cursor(measured([bad(0), bad(1)], virtual=True), seed=0, window=Window(16), epochs=epochs)
    with pytest.raises(
        ValueError, match=r"stream one finds no row that it can use, the last: file, row \d: bad"
    ):
        cursor.draw()


def test_draws_by_weight() -> None:
    streams = [measured(episodes(5), weight, name) for name, weight in (("a", 1), ("b", 0.5), ("c", 2.5))]
    mixture = Mixture(streams, seed=0, window=Window(16))
    drawn = Counter(sample.stream for sample in islice(iter(mixture.draw, None), 8000))
    for name, share in (("a", 0.25), ("b", 0.125), ("c", 0.625)):
        assert drawn[name] / 8000 == pytest.approx(share, abs=0.02)


def test_streams_that_have_ended_leave_the_rest_to_the_others() -> None:
    streams = [measured(episodes(count), 1.0, name) for name, count in (("a", 2), ("b", 40))]
    mixture = Mixture(streams, seed=0, window=Window(16), epochs=1)
    drawn = Counter(sample.stream for sample in iter(mixture.draw, None))
    assert drawn == {"a": 2, "b": 40}
    assert mixture.draw() is None


@pytest.mark.parametrize("drawn", [0, 1, 7, 30, 41, 42])
def test_goes_on_from_its_state(drawn: int) -> None:
    """Also where one stream has ended, or ends just then."""
    streams = [measured(episodes(count), 1.0, name) for name, count in (("a", 4), ("b", 38))]
    mixture = Mixture(streams, seed=0, window=Window(2), epochs=1)
    for _ in range(drawn):
        mixture.draw()
    state = mixture.state_dict()
    expected = list(iter(mixture.draw, None))
    other = Mixture(streams, seed=0, window=Window(2), epochs=1)
    other.load_state_dict(state)
    assert list(iter(other.draw, None)) == expected
    longer = Mixture(streams, seed=0, window=Window(2), epochs=2)
    longer.load_state_dict(state)
    assert Counter(sample.stream for sample in iter(longer.draw, None)) == {
        name: count + sum(sample.stream == name for sample in expected)
        for name, count in (("a", 4), ("b", 38))
    }


def test_draws_beyond_the_first_block_go_on_too() -> None:
    streams = [measured(episodes(3), 1.0, name) for name in ("a", "b")]
    mixture = Mixture(streams, seed=0, window=Window(16))
    for _ in range(4095):
        mixture.draw()
    other = Mixture(streams, seed=0, window=Window(16))
    other.load_state_dict(mixture.state_dict())
    assert [other.draw() for _ in range(4)] == [mixture.draw() for _ in range(4)]


def test_lengths_are_those_of_the_question_that_will_be_asked() -> None:
    asked = tuple((words(2), words(count)) for count in (1, 5, 9))
    stream = Stream(MemorySource([episode(0, questions=asked)]), Mode.QUESTION)
    one = survey([stream], MEASURING).streams[0]
    cursor = Cursor(one, seed=3, window=Window(16))
    drawn = [cursor.draw() for _ in range(12)]
    assert len({sample.length for sample in drawn if sample}) == 3, "epochs ask different questions"
    for sample in drawn:
        assert sample is not None
        document = stream.document(sample.index, choice=sample.seed(3))
        assert MEASURING.preparer.measure(document) == sample.length


def test_seeds_differ_by_stream_epoch_and_index() -> None:
    sample = Cursor(measured(episodes(1)), seed=0, window=Window(1)).draw()
    assert sample is not None
    others = [replace(sample, **change) for change in ({"stream": "two"}, {"epoch": 1}, {"index": 1})]
    assert len({one.seed(0) for one in [sample, *others]} | {sample.seed(1)}) == 5
