from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from irg.data.learning import IRGL, Mode
from irg.data.lengths import Measuring, RowLengths, Sketches, survey
from irg.data.source import Fault, RowError
from irg.data.streams import Stream, counted
from tests.data.memory import MemorySource, Row, VirtualSource, episode, episodes, tiny_preparer, words

MEASURING = Measuring(tiny_preparer(), copies=2)


def broken(row: int, reason: Fault = Fault.BAD_JSON) -> RowError:
    return RowError("file", row, reason, "is broken")


def test_lengths_are_those_of_the_documents_read_in_full() -> None:
    source = MemorySource(episodes(7))
    streams = [Stream(source, mode) for mode in IRGL]
    found = survey(streams, MEASURING)
    assert source.surveys == 1
    assert not found.rejected
    for one in found.streams:
        assert one.lengths.usable.tolist() == list(range(7))
        for index in range(7):
            expected = MEASURING.preparer.measure(one.stream.document(index), copies=2)
            assert one.lengths.length(index, choice=5) == expected


def test_each_question_has_its_own_length() -> None:
    asked = tuple((words(3), words(count)) for count in (1, 5, 9))
    source = MemorySource([episode(0), episode(1, questions=asked), episode(2, questions=asked[:1])])
    found = survey([Stream(source, Mode.QUESTION)], MEASURING)
    lengths = found.streams[0].lengths
    assert lengths.usable.tolist() == [1, 2]
    assert [lengths.length(1, choice) - lengths.length(1, 0) for choice in range(4)] == [0, 4, 8, 0]
    assert lengths.length(2, 7) == MEASURING.preparer.measure(found.streams[0].stream.document(2))


def test_rows_that_cannot_be_used_are_told() -> None:
    rows: list[Row] = [*episodes(6)]
    rows[1], rows[4] = broken(1), broken(4, Fault.DUPLICATE)
    rows[2] = replace(episode(2), turns=episode(2).turns[:1])
    rows[3] = episode(3, modes=("initial_full",))
    rows[5] = replace(episode(5), prompt=words(400))
    source = MemorySource(rows)
    streams = [
        Stream(source, Mode.INITIAL_FULL, name="first"),
        Stream(source, Mode.IMPROVING_FULL, name="second"),
    ]
    found = survey(streams, replace(MEASURING, longest=300))
    assert [one.lengths.usable.tolist() for one in found.streams] == [[0, 2, 3], [0]]
    both = {Fault.BAD_JSON: 1, Fault.DUPLICATE: 1, Fault.TOO_LONG: 1}
    assert counted(found.rejected) == Counter(
        {("first", reason): count for reason, count in both.items()}
        | {("second", reason): count for reason, count in (both | {Fault.UNFIT: 1}).items()}
    )
    first = [one.error.row for one in found.rejected if one.stream == "first"]
    assert first == [1, 4, 5]
    assert "tokens in stream first, more than 300" in str(found.rejected[2].error)


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("fault", ["broken", "long"])
def test_strict_stops_at_the_first(place: int, fault: str, tmp_path: Path) -> None:
    rows: list[Row] = [*episodes(6)]
    rows[place] = broken(place) if fault == "broken" else replace(episode(0), prompt=words(400))
    rows[5] = broken(5)
    streams = [Stream(MemorySource(rows), Mode.DIRECT)]
    measuring = replace(MEASURING, longest=300)
    with pytest.raises(RowError, match=f"row {place}: {'bad JSON' if fault == 'broken' else 'longer'}"):
        survey(streams, measuring, tmp_path, strict=True)
    assert len(survey(streams, measuring, tmp_path).rejected) == 2
    with pytest.raises(RowError, match=f"row {place}"):  # what was kept is judged as strictly
        survey(streams, measuring, tmp_path, strict=True)


def test_a_stream_without_usable_rows_is_an_error() -> None:
    rows: list[Row] = [broken(0), episode(1, modes=("direct",)), episode(2, modes=("direct",))]
    with pytest.raises(ValueError, match="no usable row among 3: 2 meant for other modes, 1 bad JSON"):
        survey([Stream(MemorySource(rows), Mode.INITIAL_FULL)], MEASURING)
    with pytest.raises(
        ValueError, match="stream memory:direct of memory has no usable row among 0: it is empty"
    ):
        survey([Stream(MemorySource([]), Mode.DIRECT)], MEASURING)


def test_streams_are_named_apart() -> None:
    source = MemorySource(episodes(1))
    with pytest.raises(ValueError, match="several streams are named memory:direct"):
        survey([Stream(source, Mode.DIRECT), Stream(source, Mode.DIRECT)], MEASURING)
    with pytest.raises(ValueError, match="no streams"):
        survey([], MEASURING)


def test_a_survey_speaks_of_every_row() -> None:
    class Short(MemorySource):
        def survey(self) -> Iterator[Row]:
            return iter(self.rows[:-1])

    with pytest.raises(ValueError, match="memory has 3 rows, but its survey gave 2"):
        survey([Stream(Short(episodes(3)), Mode.DIRECT)], MEASURING)


def test_what_was_found_is_kept(tmp_path: Path) -> None:
    rows: list[Row] = [*episodes(4), broken(4)]
    first = survey([Stream(MemorySource(rows), Mode.DIRECT)], MEASURING, tmp_path)
    source = MemorySource(rows)
    again = survey([Stream(source, Mode.DIRECT)], MEASURING, tmp_path)
    assert source.surveys == 0
    assert again.streams[0].lengths.digest() == first.streams[0].lengths.digest()
    assert [str(one.error) for one in again.rejected] == [str(one.error) for one in first.rejected]
    assert isinstance(again.rejected[0].error, RowError)
    longest = max(first.streams[0].lengths.length(index, 0) for index in range(4))
    shorter = survey([Stream(source, Mode.DIRECT)], replace(MEASURING, longest=longest - 1), tmp_path)
    assert source.surveys == 0, "the longest length is no part of what was found"
    assert len(shorter.streams[0].lengths.usable) < 4


def test_what_was_kept_is_not_used_for_anything_else(tmp_path: Path) -> None:
    survey([Stream(MemorySource(episodes(3)), Mode.DIRECT)], MEASURING, tmp_path)
    bigger = tiny_preparer()
    bigger.clean = replace(bigger.clean, min_side=64)
    for source, mode, prompt, measuring in (
        (MemorySource(episodes(3)), Mode.INITIAL_FULL, None, MEASURING),
        (MemorySource(episodes(3)), Mode.DIRECT, "word", MEASURING),
        (MemorySource(episodes(3), fingerprint="2"), Mode.DIRECT, None, MEASURING),
        (MemorySource(episodes(3)), Mode.DIRECT, None, Measuring(tiny_preparer(), copies=1)),
        (MemorySource(episodes(3)), Mode.DIRECT, None, Measuring(bigger, copies=2)),
    ):
        survey([Stream(source, mode, system_prompt=prompt)], measuring, tmp_path)
        assert source.surveys == 1


def test_nothing_is_kept_of_files_that_may_be_readable_the_next_time(tmp_path: Path) -> None:
    source = MemorySource([episode(0), broken(1, Fault.UNREADABLE)])
    for surveys in (1, 2):
        survey([Stream(source, Mode.DIRECT)], MEASURING, tmp_path)
        assert source.surveys == surveys


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    stream = Stream(MemorySource(episodes(2)), Mode.DIRECT)
    survey([stream], MEASURING, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=f"{path.name} is not a survey"):
        survey([stream], MEASURING, tmp_path)


def test_virtual_rows_are_measured_when_they_are_asked_for() -> None:
    rows: list[Row] = [episode(0), broken(1), replace(episode(2), prompt=words(400))]
    stream = Stream(VirtualSource(rows), Mode.DIRECT)
    measuring = replace(MEASURING, longest=300)
    found = survey([stream], measuring)
    assert not found.rejected
    lengths = found.streams[0].lengths
    assert isinstance(lengths, Sketches)
    assert lengths.length(0, 0) == MEASURING.preparer.measure(stream.document(0), copies=2)
    with pytest.raises(RowError, match="bad JSON"):
        lengths.length(1, 0)
    with pytest.raises(RowError, match="more than 300"):
        lengths.length(2, 0)


def test_leaving_rows_out_leaves_the_others_as_they_are() -> None:
    lengths = RowLengths([1, 2, 3, 4, 5], [2, 0, 1, 2])
    fewer = lengths.without([0, 1])
    assert fewer.usable.tolist() == [2, 3]
    assert [fewer.length(2, 0), fewer.length(3, 0), fewer.length(3, 1)] == [3, 4, 5]
    assert lengths.most().tolist() == [2, 0, 3, 5]
    assert fewer.digest() != lengths.digest()
