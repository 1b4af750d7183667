from dataclasses import replace

import pytest
from PIL import Image

from irg.core import Document, Kind, Role, Segment, pieces
from irg.core.trace import Trace, Turn
from irg.data.learning import COMPOSITION, IRGL, Mode, ModeQuestions, UnfitError, document, modes_of

FIRST, SECOND, SOURCE = (Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue"))
TRACE = Trace(
    "a fox",
    (Turn("plan", FIRST), Turn("mend", SECOND)),
    seed=0,
    source=SOURCE,
    questions=(("What is it?", "A fox."), ("Where?", "Here.")),
)

SHAPES = {
    Mode.DIRECT: "P1 N1*",
    Mode.QUESTION: "V1 Q1 T1*",
    Mode.EDIT: "CV1 P2 N2*",
    Mode.INITIAL_UNDERSTANDING: "S P1 CV1 Q1 T1*",
    Mode.INITIAL_THINKING: "S P1 T1*",
    Mode.INITIAL_FULL: "S P1 T1* N1*",
    Mode.IMPROVING_UNDERSTANDING: "S P1 CV1 CV2 Q1 T2*",
    Mode.IMPROVING_THINKING: "S P1 T1 CV1 T2*",
    Mode.IMPROVING_FULL: "S P1 T1 CV1 T2* N2*",
}


def of(mode: Mode, trace: Trace = TRACE, choice: int = 0) -> Document:
    return document(trace, mode, "be good", ModeQuestions("Which plan?", "What is better?"), choice)


def shape(piece: tuple[Segment, ...]) -> str:
    first = piece[0]
    turn = str(first.turn or "")
    if first.kind is Kind.TEXT:
        letters = {Role.SYSTEM: "S", Role.PROMPT: "P", Role.THOUGHT: "T", Role.QUESTION: "Q"}
        return letters[first.role] + turn + "*" * first.loss
    return "".join(one.kind.name[0] for one in piece) + turn + "*" * (first.kind is Kind.NOISY)


def test_every_mode_is_drawn_here() -> None:
    assert set(SHAPES) == set(COMPOSITION) == set(Mode)
    assert len(IRGL) == 6


@pytest.mark.parametrize("mode", Mode)
def test_what_a_mode_holds_and_where_its_loss_is(mode: Mode) -> None:
    assert " ".join(map(shape, pieces(of(mode)))) == SHAPES[mode]
    assert of(mode).supervised and of(mode).mode == mode


@pytest.mark.parametrize("mode", Mode)
def test_parts_hold_what_the_trace_holds_of_them(mode: Mode) -> None:
    texts = {"S": "be good", "P": "a fox", "T1": "plan", "T2": "mend"}
    asked = {
        Mode.INITIAL_UNDERSTANDING: "Which plan?",
        Mode.IMPROVING_UNDERSTANDING: "What is better?",
        Mode.QUESTION: "What is it?",
    }
    for part in of(mode):
        if part.kind.is_image:
            both = mode.startswith("improving")
            expected = SOURCE if mode is Mode.EDIT and part.turn == 1 else FIRST if both else SECOND
            assert part.picture is (SECOND if both and part.turn == 2 else expected)
        elif part.role is Role.QUESTION:
            assert part.text == asked[mode]
        elif mode is Mode.QUESTION:
            assert part.text == "A fox."
        else:
            assert part.text == texts[shape((part,)).rstrip("*")[: 2 if part.role is Role.THOUGHT else 1]]


def test_a_trace_asks_each_of_its_questions() -> None:
    answers = [of(Mode.QUESTION, choice=choice).segments[-1] for choice in range(3)]
    assert [one.text for one in answers] == ["A fox.", "Here.", "A fox."]


@pytest.mark.parametrize(
    ("mode", "trace", "told"),
    [
        (Mode.DIRECT, replace(TRACE, turns=()), "needs turn 1, the trace has 0"),
        (Mode.INITIAL_THINKING, replace(TRACE, turns=(Turn(None, FIRST),)), "the thought of turn 1"),
        (Mode.IMPROVING_FULL, replace(TRACE, turns=TRACE.turns[:1]), "needs turn 2, the trace has 1"),
        (Mode.IMPROVING_THINKING, replace(TRACE, turns=(TRACE.turns[0], Turn("", SECOND))), "of turn 2"),
        (Mode.QUESTION, replace(TRACE, questions=()), "a question with its answer"),
        (Mode.EDIT, replace(TRACE, source=None), "an image to edit"),
        (Mode.EDIT, replace(TRACE, modes=("direct",)), "only for direct"),
    ],
)
def test_a_missing_part_is_named(mode: Mode, trace: Trace, told: str) -> None:
    with pytest.raises(UnfitError, match=told):
        of(mode, trace)


def test_modes_of_a_trace_are_those_it_has_the_parts_for() -> None:
    assert modes_of(TRACE) == tuple(Mode)
    assert modes_of(replace(TRACE, modes=("improving_full", "direct"))) == (Mode.DIRECT, Mode.IMPROVING_FULL)
    once = replace(TRACE, turns=TRACE.turns[:1], questions=(), source=None)
    initial = (Mode.INITIAL_UNDERSTANDING, Mode.INITIAL_THINKING, Mode.INITIAL_FULL)
    assert modes_of(once) == (Mode.DIRECT, *initial)
