"""One episode of a plan of steps as a value: what it has come to, what its next step reads, and what comes of
that step. Whoever runs episodes lets them read, write and draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from irg.core import Kind, Segment
from irg.core.trace import Trace
from irg.engine import Draws, Line, SeededDraws, Sketch, Strand, longest_beginning, shifted_schedule
from irg.engine.forced import given_tokens, one_of
from irg.engine.pool import Slot
from irg.pipeline.episode import clean_segments, lines_of, view_segment
from irg.pipeline.plans.context import ContextEntry, Entries
from irg.pipeline.plans.course import DrawContexts, Ending, PlanCourse
from irg.pipeline.plans.numbers import as_drawn
from irg.pipeline.plans.steps import WriteStep
from irg.pipeline.state import Drawn, Parts, State

Reader = tuple[bool, int, str]
"""Who has read a strand: a step, by whether it is of `repeat` and its index, and which of its contexts."""
BEGUN: Reader = (False, -1, "")


@dataclass(frozen=True, eq=False)
class PlanEpisode:
    """What one episode of a plan has come to. `strands` are what its contexts have read, the newest of
    each."""

    course: PlanCourse
    draws: Draws
    trace: Trace
    """The turns that have an image."""
    segments: Mapping[ContextEntry, Segment]
    strands: Mapping[Reader, Strand]
    drawn: Drawn = field(default_factory=Drawn)
    """What has come since the last image."""
    latents: torch.Tensor | None = field(default=None, repr=False)
    """[N, V] of the last image."""

    @property
    def place(self) -> tuple[int, int, int]:
        """How far it has come."""
        return self.course.attempt, self.course.number, self.course.index

    @property
    def slot(self) -> Slot:
        """One that it reads into."""
        return next(iter(self.strands.values())).slot

    def beginning_of(self, entries: Entries) -> tuple[Strand, tuple[Segment, ...]]:
        """The longest strand that began like a list, of which all segments are known, and what is left to
        read of it."""
        history = tuple(self.segments[entry] for entry in entries)
        start = longest_beginning(tuple(self.strands.values()), history) or Strand(self.slot)
        return start, history[len(start.history) :]

    def having_read(self, which: str, strand: Strand) -> "PlanEpisode":
        """After its next step has read the context of this name."""
        reader = (self.course.number > 0, self.course.index, which)
        return replace(self, strands={**self.strands, reader: strand})


def state_of(parts: Parts, episode: PlanEpisode) -> State:
    """An episode as steps take it, with nothing read yet."""
    course = episode.course
    plan = as_drawn(course, parts.settings)
    return State(Strand(episode.slot), plan, episode.draws, episode.trace, turn=course.turn)


def with_segments(
    parts: Parts, episodes: Sequence[PlanEpisode], wanted: Sequence[Entries | None]
) -> list[PlanEpisode]:
    """The episodes with segments of all that each is to read; pictures are encoded together."""
    after, missing = list(episodes), list[tuple[int, ContextEntry]]()
    for row, entries in enumerate(wanted):
        fresh = dict.fromkeys(one for one in entries or () if one not in episodes[row].segments)
        missing += [(row, entry) for entry in fresh]
    states = {row: state_of(parts, episodes[row]) for row, _ in missing}
    cleans = [(row, entry) for row, entry in missing if entry.kind is Kind.CLEAN]
    owners = [replace(states[row], turn=entry.turn) for row, entry in cleans]
    pictures = [entry.image for _, entry in cleans if entry.image is not None]
    made = dict(zip(cleans, clean_segments(parts, owners, pictures), strict=True))
    for row, entry in missing:
        segment = made[row, entry] if entry.kind is Kind.CLEAN else _segment(parts, entry)
        after[row] = replace(after[row], segments={**after[row].segments, entry: segment})
    return after


def begun_lines(parts: Parts, episodes: Sequence[PlanEpisode], states: Sequence[State]) -> list[Line]:
    """The texts of their next steps with the beginnings that the plan gives them. Each state has read what
    its episode's step reads."""
    lines = lines_of(parts, states)
    prefixes = [parts.tokenizer.encode(episode.course.prefix) for episode in episodes]
    lines = list(given_tokens(parts.model, lines, prefixes))
    for row, episode in enumerate(episodes):
        step = episode.course.step
        if isinstance(step, WriteStep) and step.choose:
            options = [parts.tokenizer.encode(option) for option in step.choose]
            lines[row], _ = one_of(parts.model, lines[row], options, parts.special)
    return lines


def counting(contexts: DrawContexts, state: State) -> DrawContexts:
    """With the branches alone that change something.

    A text branch that is all that is read would push away from itself. An image branch that is all that is
    read counts where there is a text branch: it pushes the same way once more.
    """
    (numbers,) = state.plan.turns
    text = None if numbers.guidance.text_scale == 1.0 or contexts.text == contexts.main else contexts.text
    image = contexts.image if numbers.guidance.image_scale != 1.0 else None
    if image == contexts.main and text is None:
        image = None
    return replace(contexts, text=text, image=image)


def sketch_of(
    parts: Parts, state: State, contexts: DrawContexts, text: Strand | None, image: Strand | None
) -> Sketch:
    """The next picture before its first step. The state's strand and those of the branches have read the
    contexts."""
    (numbers,), config, main = state.plan.turns, parts.model.config, state.main
    if text is not None and contexts.skipped:
        text = replace(text, position=main.upto(contexts.skipped).position)
    grid = state.plan.grid(config)
    noise_NV = state.draws.normal(grid.num_tokens, config.latent_values).to(parts.model.device)
    schedule = shifted_schedule(numbers.num_points, numbers.shift)
    return Sketch(main, text, image, grid, schedule, numbers.guidance, noise_NV, saving=numbers.saving)


def after_text(before: PlanEpisode, state: State, text: str, revised: bool) -> PlanEpisode:
    """The episode after a text, which the state's strand has read if it was not revised."""
    course = before.course
    step = course.step
    assert isinstance(step, WriteStep)
    after = course.wrote(text, state.drawn.capped)
    if after.attempt != course.attempt:
        return _again(before, after)
    if len(after.made) == len(course.made):  # written once more: only what it took is kept
        spent = replace(state.drawn, thought=None, capped=False)
        return replace(before, course=after, drawn=_together(before.drawn, spent))
    capped = state.drawn.capped and not revised
    told = replace(state.drawn, thought=text, capped=capped, revised=revised)
    episode = replace(before, course=after, drawn=_together(before.drawn, told))
    (entry,) = after.content.read((f"{step.write}:whole",))
    if revised or entry.text != text:
        return episode
    strands = before.having_read("main", state.main).strands
    segments = {**episode.segments, entry: state.main.history[-1]}
    return replace(episode, segments=segments, strands=strands)


def after_image(before: PlanEpisode, state: State) -> tuple[PlanEpisode, Drawn]:
    """The episode after the picture that a state has, and what the turn that ends with it came to."""
    drawn = _together(before.drawn, state.drawn)
    assert drawn.image is not None
    trace = replace(before.trace, turns=(*before.trace.turns, drawn.turn))
    return replace(before, course=before.course.drew(drawn.image), trace=trace, drawn=Drawn()), drawn


def ended(episode: PlanEpisode) -> tuple[PlanEpisode, Drawn | None]:
    """An episode whose course has come to its end. A text after the last picture is a turn that keeps it,
    which is returned too, or where there is none, or a text is the result, the answer."""
    trace, drawn, course = episode.trace, episode.drawn, episode.course
    if course.ending is not Ending.FINISHED:
        trace = replace(trace, ending=course.why)
    kept = None
    if drawn.thought is not None and trace.turns and course.plan.returns != "text":
        kept = replace(drawn, image=trace.image)
        trace = replace(trace, turns=(*trace.turns, replace(kept.turn, kept=True)))
    elif drawn.thought is not None:
        trace = replace(trace, answer=drawn.thought)
    return replace(episode, trace=trace, drawn=Drawn()), kept


def _segment(parts: Parts, entry: ContextEntry) -> Segment:
    if entry.kind is Kind.TEXT:
        return Segment(Kind.TEXT, entry.role, parts.tokenizer.encode(entry.text), turn=entry.turn)
    assert entry.image is not None
    return view_segment(parts, entry.image, entry.turn)


def _again(before: PlanEpisode, course: PlanCourse) -> PlanEpisode:
    """Another attempt, with other random numbers where they come from a seed."""
    retry, draws = course.plan.retry, before.draws
    assert retry is not None
    if isinstance(draws, SeededDraws):
        draws = SeededDraws(before.trace.seed + retry.seed_step * course.attempt)
    return replace(before, course=course, draws=draws, drawn=Drawn())


def _together(before: Drawn, new: Drawn) -> Drawn:
    """What two parts of a turn came to: their texts one after the other."""
    texts = [one for one in (before.thought, new.thought) if one is not None]
    seconds = dict(before.seconds)
    for name, value in new.seconds.items():
        seconds[name] = seconds.get(name, 0.0) + value
    return Drawn(
        "\n\n".join(texts) if texts else None,
        before.capped or new.capped,
        new.image,
        seconds,
        before.num_tokens + new.num_tokens,
        before.evaluations + new.evaluations,
        revised=before.revised or new.revised,
    )
