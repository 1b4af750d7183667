"""An episode as a program: it says what it needs next (`irg.serve.needs`), and is given the state that comes
of it.

Whoever runs programs decides when, and together with which others, their needs are met; a program knows
nothing of that. Here are those of drawing in turns, from texts and pictures or from where an earlier episode
stood, and of answering in words; those of plans of steps are in `irg.serve.planned`.
"""

from dataclasses import dataclass, replace

from PIL import Image

from irg.core import Kind, Role, Segment
from irg.core.trace import Trace
from irg.engine import SeededDraws, new_strands
from irg.pipeline import Plan
from irg.pipeline.plans.texts import says_right
from irg.pipeline.state import Drawn, Parts, State
from irg.serve.history import History, Milestone
from irg.serve.needs import DrawNeed, KeepNeed, Part, Program, ReadNeed, ShowNeed, ThinkNeed, previews
from irg.serve.planned import PlannedEpisode, planned


@dataclass(frozen=True, eq=False)
class Beginning:
    """What an episode begins with: a system prompt, and texts and pictures in their order, the instruction
    last."""

    instruction: str
    before: tuple[str | Image.Image, ...] = ()
    system: str = ""


@dataclass(frozen=True, eq=False)
class Resumption:
    """Going on from a turn of an earlier episode, counted from 0. Given `words` are read in the place of the
    thought that comes next; after a turn that was left at its thought, in the place of that one."""

    course: History
    place: int
    words: str | None = None

    @property
    def mark(self) -> Milestone:
        return self.course.marks[self.place]

    @property
    def is_undrawn(self) -> bool:
        return self.mark.drawn.image is None


@dataclass(frozen=True, eq=False)
class Episode:
    """What is to be drawn: the turns of a plan, from the beginning or on from where an earlier one stood."""

    plan: Plan
    seed: int | None
    """None goes on with the random numbers of the earlier episode."""
    start: Beginning | Resumption
    room: int
    """Tokens that it takes up at most."""
    previews: tuple[int, ...] = ()
    """How often the picture of each turn is shown before it is done; one that is not named, not at all."""
    stops_at_thought: bool = False
    """The last turn is left at its thought, for a person to change before it is drawn."""
    stops_when_right: bool = False
    """A reflection that finds nothing wrong ends the episode: the picture that it looked at stands."""


@dataclass(frozen=True, eq=False)
class WordsWanted:
    """What is to be answered in words. The plan says how they are written."""

    plan: Plan
    seed: int
    start: Beginning
    room: int


Wanted = Episode | WordsWanted | PlannedEpisode


def program(parts: Parts, wanted: Wanted) -> Program:
    """The program of what is wanted."""
    if isinstance(wanted, PlannedEpisode):
        return (yield from planned(parts, wanted))
    (strand,) = new_strands(parts.pool, 1, wanted.room)
    draws = SeededDraws(wanted.seed or 0)
    state = State(strand, wanted.plan, draws, Trace("", (), wanted.seed or 0), turn=1)
    if isinstance(wanted, WordsWanted):
        state = yield from _read_beginning(parts, wanted.start, state, Role.QUESTION)
        state = yield ThinkNeed(state)
        return History(state.main.history, ())
    if isinstance(wanted.start, Beginning):
        state = yield from _read_beginning(parts, wanted.start, state, Role.PROMPT)
        marks: tuple[Milestone, ...] = ()
    else:
        if wanted.seed is None:
            draws.generator.set_state(wanted.start.mark.generator)
        state = yield from _resumed(wanted.start, state)
        marks = wanted.start.course.marks[: wanted.start.place + (not wanted.start.is_undrawn)]
    return (yield from _turns(parts, wanted, state, draws, marks))


def _read_beginning(parts: Parts, start: Beginning, state: State, role: Role) -> Part[State]:
    """The state that has read it and waits for its first turn: the instruction is what guidance pushes
    towards."""
    if start.system:
        state = yield _text(parts, state, start.system, Role.SYSTEM)
    for one in start.before:
        if isinstance(one, Image.Image):
            # As the reference looks at what it is given: resized for the autoencoder first.
            state = yield ShowNeed(state, parts.settings.clean(one), role is Role.PROMPT, view=True)
        else:
            state = yield _text(parts, state, one, Role.PROMPT)
    turn = state.turn
    if role is Role.PROMPT and any(isinstance(one, Image.Image) for one in start.before):
        turn += 1  # what is edited is the picture of turn 1
    state = replace(state, turn=turn, num_before=len(state.main.history))
    state = yield _text(parts, state, start.instruction, role)
    return state if role is Role.QUESTION else replace(state, turn=turn - 1)


def _resumed(start: Resumption, state: State) -> Part[State]:
    """The state as it stood there; without the thought, where that is to be another."""
    num, mark = start.mark.num_segments, start.mark
    if start.is_undrawn and start.words is not None:
        num -= 1
    state = yield ReadNeed(state, start.course.history[:num])
    return replace(state, num_before=mark.num_before, turn=mark.turn, drawn=mark.drawn)


def _turns(
    parts: Parts, wanted: Episode, state: State, draws: SeededDraws, marks: tuple[Milestone, ...]
) -> Program:
    turns, start = wanted.plan.turns, wanted.start
    is_undrawn = isinstance(start, Resumption) and start.is_undrawn
    words = start.words if isinstance(start, Resumption) else None
    world = parts.settings.world
    for number, turn_plan in enumerate(turns):
        has_looked, before = False, state.drawn.image
        if not is_undrawn:
            if before is not None:
                state = yield ShowNeed(state, before, turn_plan.clean, turn_plan.view)
                state = replace(state, num_before=len(state.main.history))
            state = replace(state, turn=state.turn + 1, drawn=Drawn())
        if words is not None:
            state = yield _text(parts, state, words, Role.THOUGHT)
            state = replace(state, drawn=Drawn(thought=words))
        elif turn_plan.think and not is_undrawn:
            state = yield ThinkNeed(state)
            has_looked = before is not None
        is_left = wanted.stops_at_thought and number == len(turns) - 1
        is_right = wanted.stops_when_right and has_looked and says_right(state.drawn.thought or "", world)
        if is_right:
            state = replace(state, drawn=replace(state.drawn, image=before))
            yield KeepNeed(state)
        elif not is_left:
            num = wanted.previews[number] if number < len(wanted.previews) else 0
            state = yield DrawNeed(state, turn_plan, previews(num, turn_plan.num_points - 1))
        is_undrawn, words = False, None
        generator = draws.generator.get_state()
        own, num = replace(wanted.plan, turns=(turn_plan,)), len(state.main.history)
        marks += (Milestone(own, num, state.num_before, state.turn, state.drawn, generator),)
        if is_right:
            break
    return History(state.main.history, marks)


def _text(parts: Parts, state: State, text: str, role: Role) -> ReadNeed:
    ids = parts.tokenizer.encode(text)
    turn = 0 if role is Role.SYSTEM else state.turn
    return ReadNeed(state, (Segment(Kind.TEXT, role, ids, turn=turn),))
