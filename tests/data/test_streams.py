from collections import Counter
from dataclasses import replace

import pytest

from irg.core import Document, Kind, Role, Segment
from irg.core.trace import Trace, Turn
from irg.data.learning import Mode, ModeQuestions
from irg.data.source import Fault, RowError, RowPlace
from irg.data.streams import Elsewhere, Rejected, Stream, counted
from irg.prep import SizeOnly
from tests.data.memory import MemorySource, episode, words

ANSWER = Document((Segment(Kind.TEXT, Role.THOUGHT, "word", 1, loss=True),), "conversation")


class FileSource(MemorySource):
    """Knows that its rows come from files of ten."""

    def place(self, index: int) -> RowPlace:
        return RowPlace(f"part-{index // 10}", index % 10)


def texts(document: Document) -> list[str]:
    return [one.text for one in document if one.kind is Kind.TEXT]


def test_makes_documents_of_traces() -> None:
    trace = episode(0)
    stream = Stream(MemorySource([trace]), Mode.INITIAL_THINKING)
    assert texts(stream.document(0)) == [trace.system_prompt, trace.prompt, trace.turns[0].thought]
    assert stream.document(0).mode == "initial_thinking"
    assert stream.name == "memory:initial_thinking"


def test_traces_without_the_parts_are_none_of_a_fitting_streams() -> None:
    trace = episode(0)
    short = replace(trace, turns=(replace(trace.turns[0], thought=None),))
    stream = Stream(MemorySource([trace, short]), Mode.INITIAL_FULL, fitting=True)
    assert stream.document(0).mode == "initial_full"
    with pytest.raises(Elsewhere):
        stream.document(1)


def test_own_system_prompt_and_questions_replace_those_of_the_traces() -> None:
    source, questions = MemorySource([episode(0)]), ModeQuestions(plan="And why?")
    stream = Stream(source, Mode.INITIAL_UNDERSTANDING, system_prompt="Be good.", questions=questions)
    assert texts(stream.document(0))[0] == "Be good."
    assert "And why?" in texts(stream.document(0))


def test_choice_picks_the_question() -> None:
    trace = episode(0, questions=(("one", "1"), ("two", "2")))
    stream = Stream(MemorySource([trace]), Mode.QUESTION)
    assert stream.num_choices(trace) == 2
    assert [texts(stream.document(0, choice)) for choice in (0, 1, 2)] == [
        ["one", "1"],
        ["two", "2"],
        ["one", "1"],
    ]
    assert Stream(MemorySource([trace]), Mode.DIRECT).num_choices(trace) == 1


def test_documents_pass_as_they_are_or_are_chosen_by_mode() -> None:
    edit = replace(ANSWER, mode="edit")
    everything = Stream(MemorySource([ANSWER, edit]))
    assert [everything.document(index).mode for index in (0, 1)] == ["conversation", "edit"]
    edits = Stream(MemorySource([ANSWER, edit]), Mode.EDIT)
    assert edits.document(1) is edit
    with pytest.raises(Elsewhere):
        edits.document(0)


def test_traces_that_name_other_modes_are_elsewhere() -> None:
    source = MemorySource([episode(0, modes=("direct",))])
    assert Stream(source, Mode.DIRECT).document(0).mode == "direct"
    with pytest.raises(Elsewhere):
        Stream(source, Mode.INITIAL_FULL).document(0)


def rejections() -> list[tuple[Trace | Document, Fault, str]]:
    short = replace(episode(0), turns=episode(0).turns[:1])
    empty = replace(episode(0), turns=(Turn("word", SizeOnly((0, 7))),) * 2)
    silent = Document((Segment(Kind.TEXT, Role.PROMPT, "word", 1),), "conversation")
    view = Segment(Kind.VIEW, Role.IMAGE, SizeOnly((3, 0)), 1)
    picture = Document((*ANSWER, view), "conversation")
    return [
        (short, Fault.UNFIT, "improving_full needs turn 2"),
        (empty, Fault.EMPTY_IMAGE, "0x7"),
        (silent, Fault.NO_TARGET, "no part of it"),
        (picture, Fault.EMPTY_IMAGE, "3x0"),
    ]


@pytest.mark.parametrize(("row", "reason", "detail"), rejections())
def test_rejects_what_it_cannot_use(row: Trace | Document, reason: Fault, detail: str) -> None:
    mode = Mode.IMPROVING_FULL if isinstance(row, Trace) else None
    with pytest.raises(RowError, match=detail) as caught:
        Stream(FileSource([row] * 13), mode).document(12)
    assert (caught.value.file, caught.value.row, caught.value.reason) == ("part-1", 2, reason)


def test_a_row_without_a_known_file_is_named_by_its_source() -> None:
    error = Stream(MemorySource([episode(0)]), Mode.DIRECT).error(0, Fault.UNFIT, "so it is")
    assert str(error) == "memory, row 0: unfit for its mode: so it is"


def test_traces_need_a_mode() -> None:
    with pytest.raises(ValueError, match="needs one of the modes"):
        Stream(MemorySource([episode(0)])).document(0)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_weights_are_positive(weight: float) -> None:
    with pytest.raises(ValueError, match=f"weight {weight}"):
        Stream(MemorySource([episode(0)]), Mode.DIRECT, weight=weight)


def test_rejections_are_counted_by_stream_and_reason() -> None:
    errors = [
        RowError("file", row, reason, words(1))
        for row, reason in enumerate([Fault.UNFIT] * 2 + [Fault.BAD_JSON])
    ]
    rejected = [Rejected("one", error) for error in errors] + [Rejected("two", errors[0])]
    assert counted(rejected) == Counter(
        {("one", Fault.UNFIT): 2, ("one", Fault.BAD_JSON): 1, ("two", Fault.UNFIT): 1}
    )
    record = {"stream": "two", "file": "file", "row": 0, "reason": "unfit for its mode", "detail": "word"}
    assert rejected[-1].record() == record
