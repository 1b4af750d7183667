from pathlib import Path

import numpy as np
import pytest

from irg.core import Document, Kind, Role, Segment, pieces
from irg.core.trace import Trace, Turn
from irg.data.conversation import ConversationSource
from irg.data.convert import ConversationWriter, documents, messages, to_conversations, to_traces
from irg.data.learning import Mode, document
from irg.data.source import Fault
from irg.data.traces import TraceStore, TraceWriter
from tests.data.broken import picture, trace

RNG = np.random.default_rng(0)
EPISODE = trace(0, RNG)
EDIT = Trace("now blue", (Turn(None, picture(RNG)),), 1, source=picture(RNG), modes=("edit",), id="edit")
SHOWN = tuple(mode for mode in Mode if not mode.endswith("thinking"))
"""Modes whose documents hold every picture of their turns."""


def store(folder: Path, *traces: Trace, jpeg_quality: int | None = None) -> TraceStore:
    with TraceWriter(folder, jpeg_quality=jpeg_quality) as writer:
        for one in traces:
            writer.write(one)
    return TraceStore(folder)


def conversations(folder: Path, traces: TraceStore, *modes: Mode) -> ConversationSource:
    with ConversationWriter(folder) as writer:
        to_conversations(traces, writer, modes)
    return ConversationSource(folder)


def facts(made: Document) -> tuple:
    """A document in a form that can be compared, pixels included."""
    segments = [
        (one.kind, one.role, one.turn, one.loss, one.picture.tobytes() if one.kind.is_image else one.data)
        for one in made
    ]
    return made.mode, segments, [len(piece) for piece in pieces(made)]


@pytest.mark.parametrize("mode", Mode)
def test_a_trace_and_its_conversation_are_the_same_document(tmp_path: Path, mode: Mode) -> None:
    one = EDIT if mode is Mode.EDIT else EPISODE
    rows = conversations(tmp_path / "rows", store(tmp_path / "traces", one), mode)
    assert len(rows) == 1
    assert facts(rows.read(0)) == facts(document(one, mode, one.system_prompt))


@pytest.mark.parametrize("mode", SHOWN)
def test_a_conversation_and_its_trace_are_the_same_document(tmp_path: Path, mode: Mode) -> None:
    one = EDIT if mode is Mode.EDIT else EPISODE
    rows = conversations(tmp_path / "rows", store(tmp_path / "traces", one), mode)
    with TraceWriter(tmp_path / "back") as writer:
        found = to_traces(rows, writer)
    assert (found.rows_read, found.rows_written, found.modes, found.rejected) == (1, 1, {mode: 1}, [])
    back = TraceStore(tmp_path / "back").read(0)
    assert back.modes == (mode,)
    assert facts(document(back, mode, back.system_prompt)) == facts(rows.read(0))


def test_every_mode_and_question_becomes_a_row_of_its_own(tmp_path: Path) -> None:
    asked = Trace("p", EPISODE.turns, 0, questions=(("a?", "a"), ("b?", "b"), ("c?", "c")), id="asked")
    with ConversationWriter(tmp_path / "rows") as writer:
        found = to_conversations(store(tmp_path / "traces", asked, EDIT), writer, system_prompt="s")
    assert found.rows_read == 2 and found.rows_written == 11 and not found.rejected
    assert found.modes == {mode: 3 if mode is Mode.QUESTION else 1 for mode in Mode}
    rows = ConversationSource(tmp_path / "rows")
    answers = [made.segments[2] for made in map(rows.read, range(11)) if made.mode is Mode.QUESTION]
    assert [one.text for one in answers] == ["a", "b", "c"]


def test_without_a_system_prompt_there_is_none(tmp_path: Path) -> None:
    plain = Trace("p", (Turn("t", picture(RNG)),), 0, id="plain")
    made = dict(documents(plain, (Mode.INITIAL_THINKING,)))
    assert [one.text for one in made["plain/initial_thinking"]] == ["p", "t"]
    nameless = Trace("", plain.turns, 0, questions=(("q?", "a"),), id="nameless")
    assert [made.mode for _, made in documents(nameless)] == ["question"]


def test_what_cannot_be_converted_is_counted_by_reason(tmp_path: Path) -> None:
    traces = store(tmp_path / "traces", EPISODE, EDIT)
    with ConversationWriter(tmp_path / "rows") as writer:
        found = to_conversations(traces, writer, (Mode.INITIAL_THINKING,))
    (rejected,) = found.rejected
    assert (rejected.reason, rejected.row) == (Fault.UNFIT, 1) and found.rows_written == 1
    assert rejected.file == str(tmp_path / "traces" / "traces-00000.parquet")
    with TraceWriter(tmp_path / "back") as writer:
        found = to_traces(ConversationSource(tmp_path / "rows"), writer)
    (rejected,) = found.rejected
    assert rejected.reason is Fault.UNFIT and "lacks the picture" in rejected.detail
    assert (found.rows_read, found.rows_written) == (1, 0)


def test_a_row_that_comes_twice_is_one_trace(tmp_path: Path) -> None:
    one = document(EPISODE, Mode.IMPROVING_FULL, "s")
    with ConversationWriter(tmp_path / "rows") as writer:
        writer.write("a", one)
        writer.write("b", one)
    with TraceWriter(tmp_path / "traces") as writer:
        found = to_traces(ConversationSource(tmp_path / "rows"), writer)
    assert found.rows_written == 1
    assert [(error.reason, error.row) for error in found.rejected] == [(Fault.DUPLICATE, 1)]


def test_pictures_keep_their_bytes_through_both_conversions(tmp_path: Path) -> None:
    lossy = store(tmp_path / "traces", EPISODE, jpeg_quality=80)
    rows = conversations(tmp_path / "rows", lossy, Mode.IMPROVING_FULL)
    with TraceWriter(tmp_path / "back") as writer:
        to_traces(rows, writer)
    back = TraceStore(tmp_path / "back").read(0)
    for turn, before in zip(back.turns, lossy.read(0).turns, strict=True):
        assert turn.image.tobytes() == before.image.tobytes()
    size = (tmp_path / "back" / "traces-00000.parquet").stat().st_size
    assert size < 1.2 * (tmp_path / "traces" / "traces-00000.parquet").stat().st_size


def test_what_is_learned_of_a_prompt_stays_learned() -> None:
    text = Segment(Kind.TEXT, Role.PROMPT, "p", turn=1, loss=True)
    assert messages(Document((text,), "conversation")) == [
        {"role": "user", "content": "p", "need_loss": True}
    ]
