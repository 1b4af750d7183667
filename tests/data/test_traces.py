from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from irg.core.trace import Trace, Turn
from irg.data.formats import Format
from irg.data.source import Fault, RowError
from irg.data.traces import TraceStore, TraceWriter
from irg.prep import SizeOnly
from tests.data.broken import write_broken
from tests.data.stored import FULL, facts, reason_of, some, write


def test_a_trace_comes_back_as_it_was(tmp_path: Path) -> None:
    store = write(tmp_path / "new" / "store", [FULL, *some(2)])
    assert len(store) == 3
    assert facts(store.read(0)) == facts(FULL)
    assert facts(store.read(2)) == facts(some(2)[1])


def test_equal_traces_make_equal_bytes_also_when_read_and_written_again(tmp_path: Path) -> None:
    first = write(tmp_path / "a", [FULL, *some(9)], rows_per_group=2, rows_per_file=6)
    write(tmp_path / "b", [first.read(index) for index in range(10)], rows_per_group=2, rows_per_file=6)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["manifest.json", "traces-00000.parquet", "traces-00001.parquet"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (replace(FULL, turns=()), Fault.NO_TARGET),
        (replace(FULL, turns=(Turn("  ", FULL.turns[0].image),)), Fault.EMPTY_TEXT),
        (replace(FULL, prompt="", questions=()), Fault.EMPTY_TEXT),
        (replace(FULL, prompt="\ud800", id=""), Fault.WRONG_TYPE),
        (replace(FULL, modes=("everything",)), Fault.UNKNOWN_MODE),
        (replace(FULL, modes=("improving_full",)), Fault.UNFIT),
        (replace(FULL, turns=(replace(FULL.turns[1], seconds={"a": float("inf")}),)), Fault.NOT_A_NUMBER),
    ],
)
def test_the_writer_refuses_what_no_reader_would_take(tmp_path: Path, broken: Trace, reason: Fault) -> None:
    with pytest.raises(RowError) as failure, TraceWriter(tmp_path / "store") as writer:
        writer.write(broken)
    assert failure.value.reason is reason
    assert not (tmp_path / "store").exists()


def test_a_survey_is_everything_but_the_pixels(tmp_path: Path) -> None:
    store = write(tmp_path, [FULL, *some(5)], rows_per_group=2)
    for index, sketch in enumerate(store.survey()):
        whole = store.read(index)
        assert isinstance(sketch, Trace)
        images = [turn.image for turn in sketch.turns] + ([sketch.source] if sketch.source else [])
        assert images and all(isinstance(image, SizeOnly) and image.size == (32, 32) for image in images)
        texts = [turn.thought for turn in sketch.turns]
        assert (sketch.id, sketch.prompt, sketch.questions) == (whole.id, whole.prompt, whole.questions)
        assert texts == [turn.thought for turn in whole.turns]


def test_every_way_of_being_broken_is_found_and_named(tmp_path: Path) -> None:
    expected = write_broken(tmp_path / "data", 200, np.random.default_rng(1), Format.TRACES)
    too_long = expected.pop(Fault.TOO_LONG)  # nothing is wrong with these but for a model
    store = TraceStore(tmp_path / "data")
    found: dict[Fault, list[int]] = {}
    for index in range(len(store)):
        if reason := reason_of(store, index):
            found.setdefault(reason, []).append(index)
    assert found == expected and len(found) == 9
    surveyed = {index for index, row in enumerate(store.survey()) if isinstance(row, RowError)}
    del expected[Fault.BROKEN_IMAGE]  # which only decoding tells
    assert surveyed == {index for rows in expected.values() for index in rows}
    assert not surveyed & {*too_long}
    index = found[Fault.EMPTY_TEXT][0]
    file, row = store.place(index)
    with pytest.raises(RowError) as failure:
        store.read(index)
    assert (failure.value.file, failure.value.row) == (file, row)
    assert failure.value.detail == "turns[1].thought is empty"


def test_what_is_no_store_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file or folder"):
        TraceStore(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"manifest\.json is not valid JSON"):
        TraceStore(tmp_path)
    (tmp_path / "manifest.json").write_text('{"version": 99}')
    with pytest.raises(ValueError, match="version 99, expected 1"):
        TraceStore(tmp_path)
    store = write(tmp_path / "store", some(2))
    with pytest.raises(IndexError, match="row 2 of 2"):
        store.read(2)
