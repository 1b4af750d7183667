"""Episodes of plans of steps as programs: the steps are those of `irg.pipeline.plans`, and what they need is
met together with what others need."""

from dataclasses import dataclass, replace

import torch
from PIL import Image

from irg.core.segment import DELIMITERS
from irg.core.trace import Trace
from irg.engine import SeededDraws, Strand, new_strands
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.context import Entries
from irg.pipeline.plans.course import PlanCourse
from irg.pipeline.plans.episode import (
    BEGUN,
    PlanEpisode,
    after_image,
    after_text,
    begun_lines,
    counting,
    ended,
    sketch_of,
    state_of,
    with_segments,
)
from irg.pipeline.plans.numbers import resized
from irg.pipeline.plans.start import PlanOrder, begin
from irg.pipeline.plans.steps import DrawStep, WriteStep
from irg.pipeline.state import Drawn, Parts
from irg.pipeline.steering import Steering
from irg.serve.history import PlanHistory, PlanMilestone
from irg.serve.needs import DrawNeed, KeepNeed, Part, Program, ReadNeed, ThinkNeed, previews


@dataclass(frozen=True, eq=False)
class PlanBeginning:
    """The prompt, and the pictures that are given with it."""

    prompt: str
    pictures: tuple[Image.Image, ...] = ()


@dataclass(frozen=True, eq=False)
class PlanResumption:
    """Going on from a turn of an earlier episode, counted from 0. Given `words` are read in the place of the
    text that comes next; after a turn that was left at its text, in the place of that one."""

    history: PlanHistory
    place: int
    words: str | None = None

    @property
    def mark(self) -> PlanMilestone:
        return self.history.marks[self.place]

    @property
    def is_undrawn(self) -> bool:
        return self.mark.drawn.image is None

    @property
    def course(self) -> PlanCourse:
        """What it goes on from."""
        begun = self.mark.begun if self.words is not None else None
        return begun or self.mark.course


@dataclass(frozen=True, eq=False)
class PlannedEpisode:
    """What is to be written and drawn by a settled plan of steps, from the beginning or on from where an
    earlier episode stood."""

    plan: StepPlan
    seed: int | None
    """None goes on with the random numbers of the earlier episode."""
    start: PlanBeginning | PlanResumption
    room: int
    """Tokens that a context of a resumed one takes up at most."""
    previews: tuple[int, ...] = ()
    """How often each picture is shown before it is done; one that is not named, not at all."""
    stops_at_thought: bool = False
    """The last picture is not drawn, for a person to change the text before it."""


def planned(parts: Parts, wanted: PlannedEpisode) -> Program:
    """The program of an episode of a plan."""
    draws = SeededDraws(wanted.seed or 0)
    trace = Trace("", (), wanted.seed or 0)
    marks: tuple[PlanMilestone, ...] = ()
    if isinstance(wanted.start, PlanBeginning):
        order = PlanOrder(wanted.start.prompt, wanted.start.pictures, draws, trace)
        run = begin(parts, wanted.plan, [order], Steering())
        parts, (episode,) = run.parts, run.episodes
    else:
        if wanted.seed is None:
            draws.generator.set_state(wanted.start.mark.generator)
        parts = replace(parts, settings=resized(wanted.plan, parts.settings))
        episode = _resumed(parts, wanted, wanted.start, draws, trace)
        marks = wanted.start.history.marks[: wanted.start.place + (not wanted.start.is_undrawn)]
    return (yield from _followed(parts, wanted, episode, marks))


def _followed(
    parts: Parts,
    wanted: PlannedEpisode,
    episode: PlanEpisode,
    marks: tuple[PlanMilestone, ...],
) -> Program:
    before = len(marks)
    while (step := episode.course.step) is not None:
        if isinstance(step, WriteStep):
            begun = episode.course
            episode = yield from _written(parts, episode)
            if wanted.stops_at_thought and _is_before_last(episode.course):
                mark = PlanMilestone(episode.course, episode.drawn, _numbers(episode), begun)
                return PlanHistory(episode.segments, (*marks, mark))
            continue
        place = len(marks) - before
        shown = wanted.previews[place] if place < len(wanted.previews) else 0
        episode, drawn = yield from _drawn(parts, episode, shown)
        marks += (PlanMilestone(episode.course, drawn, _numbers(episode)),)
    state = state_of(parts, episode)
    episode, kept = ended(episode)
    if kept is not None:
        yield KeepNeed(replace(state, drawn=kept))
        marks += (replace(marks[-1], drawn=kept),)
    return PlanHistory(episode.segments, marks, episode.trace.answer)


def _resumed(
    parts: Parts, wanted: PlannedEpisode, start: PlanResumption, draws: SeededDraws, trace: Trace
) -> PlanEpisode:
    """As it stood there, with the words, which are another text than the model's, already said."""
    course = start.course.going_on(wanted.plan)
    (strand,) = new_strands(parts.pool, 1, wanted.room)
    before = start.history.marks[: start.place + 1]
    trace = replace(trace, turns=tuple(one.drawn.turn for one in before if one.drawn.image is not None))
    # What it came to after that place is another's, under the names of what comes now.
    known = {entry: one for entry, one in start.history.segments.items() if course.content.holds(entry)}
    drawn = start.mark.drawn if start.is_undrawn else Drawn()
    if start.words is not None:
        course, drawn = course.told(start.words), Drawn(thought=start.words, revised=True)
    return PlanEpisode(course, draws, trace, known, {BEGUN: strand}, drawn)


def _numbers(episode: PlanEpisode) -> torch.Tensor:
    """The state of its random numbers, which are others after a retry."""
    assert isinstance(episode.draws, SeededDraws)
    return episode.draws.generator.get_state()


def _is_before_last(course: PlanCourse) -> bool:
    """Whether the last picture is what comes next."""
    is_drawn = [one.image is not None for one in course.made]
    return isinstance(course.step, DrawStep) and sum(is_drawn) + 1 == course.plan.num_images


def _written(parts: Parts, episode: PlanEpisode) -> Part[PlanEpisode]:
    episode, main = yield from _read(parts, episode, episode.course.entries, "main")
    state = replace(state_of(parts, episode), main=main)
    (line,) = begun_lines(parts, [episode], [state])
    state = yield ThinkNeed(state, line)
    return after_text(episode, state, state.drawn.thought or "", revised=False)


def _drawn(parts: Parts, episode: PlanEpisode, num_previews: int) -> Part[tuple[PlanEpisode, Drawn]]:
    state = state_of(parts, episode)
    contexts = counting(episode.course.contexts, state)
    spare = state.plan.grid(parts.model.config).num_tokens + DELIMITERS
    episode, main = yield from _read(parts, episode, contexts.main, "main")
    text = image = None
    if contexts.text is not None:
        episode, text = yield from _read(parts, episode, contexts.text, "text", spare)
    if contexts.image is not None:
        episode, image = yield from _read(parts, episode, contexts.image, "image", spare)
    state = replace(state, main=main)
    sketch = sketch_of(parts, state, contexts, text, image)
    shown = previews(num_previews, len(sketch.schedule) - 1)
    state = yield DrawNeed(state, state.plan.turns[0], shown, sketch)
    return after_image(episode, state)


def _read(
    parts: Parts, episode: PlanEpisode, entries: Entries, which: str, spare: int | None = None
) -> Part[tuple[PlanEpisode, Strand]]:
    """Let it read a list from the longest strand that began like it."""
    (episode,) = with_segments(parts, [episode], [entries])
    strand, rest = episode.beginning_of(entries)
    if rest:
        state = yield ReadNeed(replace(state_of(parts, episode), main=strand), rest, spare)
        strand = state.main
    return episode.having_read(which, strand), strand
