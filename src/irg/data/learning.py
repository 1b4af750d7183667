"""The learning modes: one trace in, one training document out.

IRGL's six modes (arXiv 2509.06945, figure 3) and the base modes before them, as a table of what a document
holds. A starred part carries loss. A supervised image is NOISY; one that is only looked at is CLEAN and VIEW.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

from irg.core import Document, Kind, Role, Segment
from irg.core.trace import Trace, Turn


class Mode(StrEnum):
    DIRECT = "direct"
    QUESTION = "question"
    EDIT = "edit"
    INITIAL_UNDERSTANDING = "initial_understanding"
    INITIAL_THINKING = "initial_thinking"
    INITIAL_FULL = "initial_full"
    IMPROVING_UNDERSTANDING = "improving_understanding"
    IMPROVING_THINKING = "improving_thinking"
    IMPROVING_FULL = "improving_full"


COMPOSITION: dict[Mode, str] = {
    Mode.DIRECT: "P F*",
    Mode.QUESTION: "V Q A*",
    Mode.EDIT: "O E F*",
    Mode.INITIAL_UNDERSTANDING: "S P F Q T1*",
    Mode.INITIAL_THINKING: "S P T1*",
    Mode.INITIAL_FULL: "S P T1* F*",
    Mode.IMPROVING_UNDERSTANDING: "S P I1 I2 Q T2*",
    Mode.IMPROVING_THINKING: "S P T1 I1 T2*",
    Mode.IMPROVING_FULL: "S P T1 I1 T2* I2*",
}
"""S system prompt, P prompt, T thought, I image of a turn, F finished image (the last turn's: the best there
is), V the same only seen, O image to be edited, E its instruction, Q question, A answer; * carries loss."""

IRGL = tuple(mode for mode in Mode if mode.startswith(("initial", "improving")))
"""The six modes of the paper."""


USUAL_WEIGHTS: dict[Mode, float] = {
    mode: 0.5 if mode.endswith(("thinking", "understanding")) or mode is Mode.DIRECT else 1.0 for mode in Mode
}
"""Of the modes that a data set teaches, where nobody says otherwise: those of the paper's first stage."""


class UnfitError(ValueError):
    """A trace lacks a part that a mode needs, or does not lend itself to it."""


@dataclass(frozen=True)
class ModeQuestions:
    """What the understanding modes ask: for the plan behind a picture, for what a second one improves."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by recipes

    plan: str = "What was the plan?"
    compare: str = "What was improved?"


def document(
    trace: Trace, mode: Mode, system_prompt: str, questions: ModeQuestions | None = None, choice: int = 0
) -> Document:
    """The document of one mode. `choice` picks among the trace's own questions.

    Raises UnfitError when the trace lacks a part that the mode needs, or its `modes` leave this one out.
    """
    if trace.modes and mode not in trace.modes:
        raise UnfitError(f"the trace is not meant for mode {mode}, only for {', '.join(trace.modes)}")
    maker = _Maker(trace, mode, system_prompt, questions or ModeQuestions(), choice)
    tokens = COMPOSITION[mode].split()
    return Document(tuple(segment for token in tokens for segment in maker.segments(token)), mode)


def num_choices(trace: Trace, mode: Mode | None) -> int:
    """How many documents of a mode the trace gives: one for each of its own questions, where it asks them."""
    return max(len(trace.questions), 1) if mode is Mode.QUESTION else 1


def documents(
    trace: Trace,
    modes: Iterable[Mode] = Mode,
    system_prompt: str | None = None,
) -> Iterator[tuple[Mode, int, Document | UnfitError]]:
    """The trace in each of the modes, with the choice of its question, or why it does not lend itself to one.

    `system_prompt` None takes the trace's own.
    """
    prompt = trace.system_prompt if system_prompt is None else system_prompt
    for mode in modes:
        for choice in range(num_choices(trace, mode)):
            try:
                yield mode, choice, document(trace, mode, prompt, choice=choice)
            except UnfitError as unfit:
                yield mode, choice, unfit


def modes_of(trace: Trace) -> tuple[Mode, ...]:
    """Every mode that the trace can teach."""
    fitting = (mode for mode, _, made in documents(trace) if isinstance(made, Document))
    return tuple(dict.fromkeys(fitting))


@dataclass(frozen=True)
class _Maker:
    trace: Trace
    mode: Mode
    system_prompt: str
    questions: ModeQuestions
    choice: int

    def segments(self, token: str) -> tuple[Segment, ...]:
        letter, turn, supervised = token[0], int(token[1:].rstrip("*") or 1), token.endswith("*")
        kinds = (Kind.NOISY,) if supervised else (Kind.CLEAN, Kind.VIEW)
        match letter:
            case "S":
                return _text(Role.SYSTEM, self.system_prompt, 0)
            case "P":
                return _text(Role.PROMPT, self.trace.prompt, 1)
            case "E":  # belongs to the picture that follows it, not to the one before
                return _text(Role.PROMPT, self.trace.prompt, 2)
            case "Q":
                return _text(Role.QUESTION, self._question(), 1)
            case "A":
                return _text(Role.THOUGHT, self._asked()[1], 1, supervised)
            case "T":
                return _text(Role.THOUGHT, self._thought(turn), turn, supervised)
            case "I":
                return _forms(self._turn(turn).image, turn, kinds)
            case "F":
                return _forms(self._turn(-1).image, 2 if self.mode is Mode.EDIT else 1, kinds)
            case "V":
                return _forms(self._turn(-1).image, 1, (Kind.VIEW,))
            case "O":
                if self.trace.source is None:
                    raise UnfitError(f"mode {self.mode} needs an image to edit, the trace has none")
                return _forms(self.trace.source, 1, kinds)
        raise AssertionError(f"unknown letter {letter}")

    def _turn(self, number: int) -> Turn:
        turns = self.trace.turns
        if not turns or number > len(turns):
            raise UnfitError(f"mode {self.mode} needs turn {abs(number)}, the trace has {len(turns)} turns")
        return turns[number - 1 if number > 0 else number]

    def _thought(self, number: int) -> str:
        thought = self._turn(number).thought
        if not thought:
            raise UnfitError(f"mode {self.mode} needs the thought of turn {number}, the trace has none")
        return thought

    def _asked(self) -> tuple[str, str]:
        if not self.trace.questions:
            raise UnfitError(f"mode {self.mode} needs a question with its answer, the trace has none")
        return self.trace.questions[self.choice % len(self.trace.questions)]

    def _question(self) -> str:
        if self.mode is Mode.QUESTION:
            return self._asked()[0]
        return self.questions.plan if self.mode is Mode.INITIAL_UNDERSTANDING else self.questions.compare


def _text(role: Role, text: str, turn: int, loss: bool = False) -> tuple[Segment, ...]:
    return (Segment(Kind.TEXT, role, text, turn=turn, loss=loss),)


def _forms(image: Image.Image, turn: int, kinds: tuple[Kind, ...]) -> tuple[Segment, ...]:
    return tuple(Segment(kind, Role.IMAGE, image, turn=turn) for kind in kinds)
