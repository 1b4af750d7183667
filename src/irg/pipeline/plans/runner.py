"""Running plans of steps: a batch of episodes, each as far as what it writes says.

Every list that is read goes on from the longest strand of the episode that has read its beginning, so a
context that a plan keeps costs what is new in it, and one that it begins anew is read anew. Steps write and
draw by the same means as rollouts (`irg.pipeline.episode`).
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from irg.core import Kind, Segment
from irg.core.events import Done, ImageDone, ThoughtDone
from irg.core.segment import DELIMITERS
from irg.core.trace import Trace, Turn
from irg.engine import Draws, Line, SeededDraws, Sketch, Strand, append, longest_beginning, shifted_schedule
from irg.engine.forced import given_tokens, one_of
from irg.engine.pool import Slot
from irg.pipeline.episode import RowEvent, clean_segments, draw_sketches, lines_of, think, view_segment
from irg.pipeline.plans.context import ContextEntry, Entries
from irg.pipeline.plans.course import DrawContexts, Ending, PlanCourse
from irg.pipeline.plans.numbers import as_drawn
from irg.pipeline.plans.steps import WriteStep
from irg.pipeline.rollout import in_inference_mode
from irg.pipeline.state import Drawn, Parts, State
from irg.pipeline.steering import Steering

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


Pairs = Generator[RowEvent, None, list[tuple[PlanEpisode, State]]]
"""Streams events; what it returns are the episodes and the states after them."""


class PlanRun:
    """Episodes of one plan, in step where they are at the same one."""

    def __init__(self, parts: Parts, episodes: Sequence[PlanEpisode], steering: Steering) -> None:
        self.parts, self.episodes, self.steering = parts, list(episodes), steering
        self.turns: list[list[Drawn]] = [[] for _ in episodes]
        """What each episode's turns have come to, with what they took."""

    def follow(self) -> Iterator[RowEvent]:
        """Run them to their ends; the last event of each is `Done`."""
        going = range(len(self.episodes))
        while going:
            place = min(self.episodes[row].place for row in going)
            rows = [row for row in going if self.episodes[row].place == place]
            step = self.episodes[rows[0]].course.step
            yield from self._write(rows) if isinstance(step, WriteStep) else self._draw(rows)
            for row in rows:
                if self.episodes[row].course.ending is not None:
                    yield from self._end(row)
            going = [row for row in going if self.episodes[row].course.ending is None]

    def _write(self, rows: Sequence[int]) -> Iterator[RowEvent]:
        episodes = [self.episodes[row] for row in rows]
        states = yield from _of_rows(in_inference_mode(self._written(episodes)), rows)
        for row, (before, state) in zip(rows, states, strict=True):
            text, revised = state.drawn.thought or "", False
            if self.steering.revise is not None:
                wanted = self.steering.revise(before.trace, text)
                text, revised = wanted, wanted != text
            if revised:
                num_tokens = len(self.parts.tokenizer.encode(text))
                yield row, ThoughtDone(before.course.turn, text, num_tokens, capped=False, reencoded=False)
            self.episodes[row] = _after_text(before, state, text, revised)

    def _draw(self, rows: Sequence[int]) -> Iterator[RowEvent]:
        episodes = [self.episodes[row] for row in rows]
        pairs = yield from _of_rows(in_inference_mode(self._drawn(episodes)), rows)
        for row, (episode, state) in zip(rows, pairs, strict=True):
            drawn = _together(episode.drawn, state.drawn)
            assert drawn.image is not None
            self.turns[row].append(drawn)
            trace = replace(episode.trace, turns=(*episode.trace.turns, drawn.turn))
            course = episode.course.drew(drawn.image)
            if self.steering.until is not None and self.steering.until(trace):
                course = replace(course, ending=Ending.FINISHED)
            self.episodes[row] = replace(episode, course=course, trace=trace, drawn=Drawn())

    def _end(self, row: int) -> Iterator[RowEvent]:
        """A text after the last image ends the episode: with that image kept, where there is one."""
        episode = self.episodes[row]
        trace, drawn, course = episode.trace, episode.drawn, episode.course
        if course.ending is not Ending.FINISHED:
            trace = replace(trace, ending=course.why)
        if drawn.thought is not None and trace.turns and course.plan.returns != "text":
            assert episode.latents is not None
            kept = replace(drawn, image=trace.image)
            self.turns[row].append(kept)
            yield row, ImageDone(course.turn, trace.image, episode.latents, kept=True)
            trace = replace(trace, turns=(*trace.turns, _kept(kept.turn)))
        elif drawn.thought is not None:
            trace = replace(trace, answer=drawn.thought)
        self.episodes[row] = replace(episode, trace=trace, drawn=Drawn())
        yield row, Done(trace)

    def _written(self, episodes: Sequence[PlanEpisode]) -> Pairs:
        wanted = [episode.course.entries for episode in episodes]
        episodes, strands = self._read(episodes, wanted, "main")
        states = [
            replace(self._state(episode), main=strand)
            for episode, strand in zip(episodes, strands, strict=True)
        ]
        after = yield from think(self.parts, states, self._begun(episodes, states))
        return list(zip(episodes, after, strict=True))

    def _begun(self, episodes: Sequence[PlanEpisode], states: Sequence[State]) -> Sequence[Line]:
        """The texts with the beginnings that the plan gives them."""
        parts, lines = self.parts, lines_of(self.parts, states)
        prefixes = [parts.tokenizer.encode(episode.course.prefix) for episode in episodes]
        lines = list(given_tokens(parts.model, lines, prefixes))
        for row, episode in enumerate(episodes):
            step = episode.course.step
            if isinstance(step, WriteStep) and step.choose:
                options = [parts.tokenizer.encode(option) for option in step.choose]
                lines[row], _ = one_of(parts.model, lines[row], options, parts.special)
        return lines

    def _drawn(self, episodes: Sequence[PlanEpisode]) -> Pairs:
        started = time.perf_counter()
        contexts = [_counting(episode.course.contexts, self._state(episode)) for episode in episodes]
        tokens = [self._state(one).plan.grid(self.parts.model.config).num_tokens for one in episodes]
        spare = max(tokens) + DELIMITERS
        episodes, mains = self._read(episodes, [one.main for one in contexts], "main")
        episodes, texts = self._read(episodes, [one.text for one in contexts], "text", spare)
        episodes, images = self._read(episodes, [one.image for one in contexts], "image", spare)
        states, sketches = [], []
        for place, (episode, main) in enumerate(zip(episodes, mains, strict=True)):
            assert main is not None
            text = texts[place]
            if text is not None and (skipped := contexts[place].skipped):
                text = replace(text, position=main.upto(skipped).position)
            states.append(replace(self._state(episode), main=main))
            sketches.append(self._sketch(states[-1], main, text, images[place]))
        latents: dict[int, torch.Tensor] = {}
        steps = draw_sketches(self.parts, states, sketches, started)
        while True:
            try:
                place, event = next(steps)
            except StopIteration as ended:
                states = ended.value
                break
            if isinstance(event, ImageDone):
                latents[place] = event.latents
            yield place, event
        episodes = [replace(one, latents=latents[place]) for place, one in enumerate(episodes)]
        return list(zip(episodes, states, strict=True))

    def _sketch(self, state: State, main: Strand, text: Strand | None, image: Strand | None) -> Sketch:
        (numbers,), config = state.plan.turns, self.parts.model.config
        grid = state.plan.grid(config)
        noise_NV = state.draws.normal(grid.num_tokens, config.latent_values).to(self.parts.model.device)
        schedule = shifted_schedule(numbers.num_points, numbers.shift)
        return Sketch(main, text, image, grid, schedule, numbers.guidance, noise_NV, saving=numbers.saving)

    def _state(self, episode: PlanEpisode) -> State:
        """As the steps of episodes take it, with nothing read yet."""
        course = episode.course
        plan, empty = as_drawn(course, self.parts.settings), Strand(_slot(episode))
        return State(empty, plan, episode.draws, episode.trace, turn=course.turn)

    def _read(
        self,
        episodes: Sequence[PlanEpisode],
        wanted: Sequence[Entries | None],
        which: str,
        spare: int | None = None,
    ) -> tuple[list[PlanEpisode], list[Strand | None]]:
        """Let every episode read a list, unless that is None, from the longest strand that began like it."""
        episodes = self._with_segments(episodes, wanted)
        rows = [row for row, entries in enumerate(wanted) if entries is not None]
        begun, documents = [], []
        for row in rows:
            episode, entries = episodes[row], wanted[row] or ()
            history = tuple(episode.segments[entry] for entry in entries)
            known = tuple(episode.strands.values())
            start = longest_beginning(known, history) or Strand(_slot(episode))
            begun.append(start)
            documents.append(history[len(start.history) :])
        strands = append(self.parts.model, begun, documents, self.parts.special, spare)
        found: list[Strand | None] = [None] * len(episodes)
        for row, strand in zip(rows, strands, strict=True):
            course, found[row] = episodes[row].course, strand
            reader = (course.number > 0, course.index, which)
            episodes[row] = replace(episodes[row], strands={**episodes[row].strands, reader: strand})
        return episodes, found

    def _with_segments(
        self, episodes: Sequence[PlanEpisode], wanted: Sequence[Entries | None]
    ) -> list[PlanEpisode]:
        """The episodes with segments of all that is to be read; pictures are encoded together."""
        after, missing = list(episodes), list[tuple[int, ContextEntry]]()
        for row, entries in enumerate(wanted):
            fresh = dict.fromkeys(one for one in entries or () if one not in episodes[row].segments)
            missing += [(row, entry) for entry in fresh]
        states = {row: self._state(episodes[row]) for row, _ in missing}
        cleans = [(row, entry) for row, entry in missing if entry.kind is Kind.CLEAN]
        owners = [replace(states[row], turn=entry.turn) for row, entry in cleans]
        pictures = [entry.image for _, entry in cleans if entry.image is not None]
        made = dict(zip(cleans, clean_segments(self.parts, owners, pictures), strict=True))
        for row, entry in missing:
            segment = made[row, entry] if entry.kind is Kind.CLEAN else self._segment(entry)
            after[row] = replace(after[row], segments={**after[row].segments, entry: segment})
        return after

    def _segment(self, entry: ContextEntry) -> Segment:
        if entry.kind is Kind.TEXT:
            return Segment(Kind.TEXT, entry.role, self.parts.tokenizer.encode(entry.text), turn=entry.turn)
        assert entry.image is not None
        return view_segment(self.parts, entry.image, entry.turn)


def _of_rows(events: Iterator[RowEvent], rows: Sequence[int]) -> Pairs:
    """The events with the numbers of their rows in the run. Returns what they return."""
    while True:
        try:
            place, event = next(events)
        except StopIteration as ended:
            return ended.value
        yield rows[place], event


def _slot(episode: PlanEpisode) -> Slot:
    return next(iter(episode.strands.values())).slot


def _counting(contexts: DrawContexts, state: State) -> DrawContexts:
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


def _after_text(before: PlanEpisode, state: State, text: str, revised: bool) -> PlanEpisode:
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
    reader = (course.number > 0, course.index, "main")
    segments = {**episode.segments, entry: state.main.history[-1]}
    return replace(episode, segments=segments, strands={**episode.strands, reader: state.main})


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


def _kept(turn: Turn) -> Turn:
    return replace(turn, kept=True)
