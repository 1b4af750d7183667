import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from irg.core.trace import Trace, Turn
from irg.data.formats import Format, open_source
from irg.data.inspect import DECODING, MEASURING, Finding, Inspecting, inspect, lines_of
from irg.data.learning import IRGL, Mode, document
from irg.data.prepare import Preparer
from irg.data.source import Fault, RowPlace
from irg.data.traces import TraceStore, TraceWriter
from irg.model.checkpoint import CheckpointFolder
from irg.model.config import read_config
from irg.pipeline import Settings
from irg.prep import Tokenizer
from tests.data.broken import picture, trace, write_broken

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def preparer() -> Preparer:
    """Measures as the embedded model does."""
    folder = CheckpointFolder.find().path
    settings = Settings.from_folder(folder)
    clean, view = settings.clean, settings.view
    return Preparer(read_config(folder), Tokenizer.from_folder(folder), clean, view)


def store(folder: Path, *traces: Trace) -> TraceStore:
    with TraceWriter(folder, rows_per_group=3) as writer:
        for one in traces:
            writer.write(one)
    return TraceStore(folder)


@pytest.mark.parametrize("form", [Format.TRACES, Format.CONVERSATION])
def test_every_broken_row_is_found_under_its_reason(tmp_path: Path, preparer: Preparer, form: Format) -> None:
    expected = write_broken(tmp_path / "data", 200, np.random.default_rng(2), form)
    source = open_source(tmp_path / "data")
    found = inspect(source, Inspecting(preparer, longest=4000))
    places = {tuple(source.place(index)): index for index in range(len(source))}
    rejected: dict[Fault, list[int]] = {}
    for one in found.rejected:
        rejected.setdefault(one.error.reason, []).append(places[one.error.file, one.error.row])
    if form is Format.TRACES:  # a trace that is too long in one mode is not in all of them
        too_long = {places[one.error.file, one.error.row] for one in found.left_out}
        assert too_long == set(expected.pop(Fault.TOO_LONG))
        assert {one.mode for one in found.left_out} == {mode for mode in IRGL if mode.startswith("improving")}
    assert rejected == expected
    assert found.reasons == {reason: len(rows) for reason, rows in expected.items()}
    assert found.lengths["improving_full"].documents == 200 - 10  # whichever way they are left out
    lines = [json.loads(line) for line in lines_of([*found.rejected, *found.left_out]).splitlines()]
    assert len(lines) == len(found.rejected) + len(found.left_out)
    assert set(lines[0]) == {"file", "row", "reason", "detail", "mode"}


def test_findings_of_files_whose_names_are_no_unicode_are_written() -> None:
    finding = Finding(RowPlace("\udcff.png", 0).error(Fault.UNREADABLE, "no such file"))
    assert lines_of([finding]).encode() and json.loads(lines_of([finding]))["file"] == "\udcff.png"


def test_documents_and_their_tokens_are_counted_by_mode(tmp_path: Path, preparer: Preparer) -> None:
    traces = [trace(index, np.random.default_rng(index)) for index in range(7)]
    found = inspect(store(tmp_path, *traces), Inspecting(preparer))
    for mode in Mode:
        made = [
            preparer.measure(document(one, mode, one.system_prompt)) for one in traces if mode != Mode.EDIT
        ]
        assert sorted(found.tokens.get(mode, [])) == sorted(made)
        if made:
            one = found.lengths[mode]
            assert (one.documents, one.least, one.most, one.total) == (7, min(made), max(made), sum(made))
            assert one.median == sorted(made)[3]
    assert list(found.lengths) == [mode for mode in Mode if mode is not Mode.EDIT]
    assert found.sizes == {(32, 32): 14} and found.rejected == found.left_out == []
    content = found.as_json()
    assert content["rows"] == content["usable"] == 7 and content["pictures"] == {"32x32": 14}


def test_another_system_prompt_is_measured_in_place_of_the_traces_own(
    tmp_path: Path, preparer: Preparer
) -> None:
    one = trace(0, RNG)
    found = inspect(store(tmp_path, one), Inspecting(preparer, system_prompt="Draw. " * 9))
    expected = preparer.measure(document(one, Mode.INITIAL_FULL, "Draw. " * 9))
    assert found.tokens["initial_full"] == [expected]
    assert expected > preparer.measure(document(one, Mode.INITIAL_FULL, one.system_prompt))


def test_every_question_of_a_trace_is_a_document(tmp_path: Path, preparer: Preparer) -> None:
    asked = (("a?", "a"), ("b?", "b"), ("c?", "c"))
    one = Trace("p", (Turn(None, picture(RNG)),), 0, questions=asked, modes=("question", "edit"))
    found = inspect(store(tmp_path, one), Inspecting(preparer))
    assert {mode: one.documents for mode, one in found.lengths.items()} == {"question": 3}
    (unfit,) = found.left_out
    assert (unfit.mode, unfit.error.reason) == ("edit", Fault.UNFIT)


def test_broken_pixels_are_found_by_decoding_only(tmp_path: Path, preparer: Preparer) -> None:
    write_broken(tmp_path / "data", 200, np.random.default_rng(2), Format.TRACES)
    source = open_source(tmp_path / "data")
    seen: list[tuple[str, int]] = []
    quick = inspect(source, Inspecting(preparer, decode=False), lambda *step: seen.append(step))
    assert Fault.BROKEN_IMAGE not in quick.reasons and not quick.decoded
    assert seen == [(MEASURING, index) for index in range(200)]
    seen.clear()
    whole = inspect(source, Inspecting(preparer), lambda *step: seen.append(step))
    assert len(whole.rejected) == len(quick.rejected) + whole.reasons[Fault.BROKEN_IMAGE]
    assert sorted(index for stage, index in seen if stage == DECODING) == list(range(200))


def test_large_row_groups_are_told_of(tmp_path: Path, preparer: Preparer) -> None:
    found = inspect(store(tmp_path, trace(0, RNG)), Inspecting(preparer))
    assert 0 < found.largest_group < 1 << 20 and found.note is None
    assert found.as_json()["largest_group_bytes"] == found.largest_group
    large = replace(found, largest_group=110 << 20)
    assert large.note is not None and large.note.startswith("row groups of up to 110 MiB: ")
