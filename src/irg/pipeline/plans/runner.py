"""Running plans of steps: a batch of episodes, each as far as what it writes says.

Every list that is read goes on from the longest strand of the episode that has read its beginning, so a
context that a plan keeps costs what is new in it, and one that it begins anew is read anew. Steps write and
draw by the same means as rollouts (`irg.pipeline.episode`).
"""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import torch

from irg.core.events import Done, ImageDone, ThoughtDone
from irg.core.segment import DELIMITERS
from irg.engine import Strand, append
from irg.pipeline.episode import RowEvent, draw_sketches, think
from irg.pipeline.plans.context import Entries
from irg.pipeline.plans.course import Ending
from irg.pipeline.plans.episode import (
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
from irg.pipeline.plans.steps import WriteStep
from irg.pipeline.rollout import in_inference_mode
from irg.pipeline.state import Drawn, Parts, State
from irg.pipeline.steering import Steering

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
            self.episodes[row] = after_text(before, state, text, revised)

    def _draw(self, rows: Sequence[int]) -> Iterator[RowEvent]:
        episodes = [self.episodes[row] for row in rows]
        pairs = yield from _of_rows(in_inference_mode(self._drawn(episodes)), rows)
        for row, (before, state) in zip(rows, pairs, strict=True):
            episode, drawn = after_image(before, state)
            self.turns[row].append(drawn)
            if self.steering.until is not None and self.steering.until(episode.trace):
                episode = replace(episode, course=replace(episode.course, ending=Ending.FINISHED))
            self.episodes[row] = episode

    def _end(self, row: int) -> Iterator[RowEvent]:
        episode = self.episodes[row]
        self.episodes[row], kept = ended(episode)
        trace = self.episodes[row].trace
        if kept is not None:
            assert episode.latents is not None
            self.turns[row].append(kept)
            yield row, ImageDone(episode.course.turn, trace.image, episode.latents, kept=True)
        yield row, Done(trace)

    def _written(self, episodes: Sequence[PlanEpisode]) -> Pairs:
        wanted = [episode.course.entries for episode in episodes]
        episodes, strands = self._read(episodes, wanted, "main")
        states = [
            replace(state_of(self.parts, episode), main=strand)
            for episode, strand in zip(episodes, strands, strict=True)
        ]
        after = yield from think(self.parts, states, begun_lines(self.parts, episodes, states))
        return list(zip(episodes, after, strict=True))

    def _drawn(self, episodes: Sequence[PlanEpisode]) -> Pairs:
        started = time.perf_counter()
        begun = [state_of(self.parts, episode) for episode in episodes]
        contexts = [
            counting(episode.course.contexts, state) for episode, state in zip(episodes, begun, strict=True)
        ]
        spare = max(one.plan.grid(self.parts.model.config).num_tokens for one in begun) + DELIMITERS
        episodes, mains = self._read(episodes, [one.main for one in contexts], "main")
        episodes, texts = self._read(episodes, [one.text for one in contexts], "text", spare)
        episodes, images = self._read(episodes, [one.image for one in contexts], "image", spare)
        states = [
            replace(state, main=main) for state, main in zip(begun, mains, strict=True) if main is not None
        ]
        sketches = [
            sketch_of(self.parts, *each) for each in zip(states, contexts, texts, images, strict=True)
        ]
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

    def _read(
        self,
        episodes: Sequence[PlanEpisode],
        wanted: Sequence[Entries | None],
        which: str,
        spare: int | None = None,
    ) -> tuple[list[PlanEpisode], list[Strand | None]]:
        """Let every episode read a list, unless that is None, from the longest strand that began like it."""
        episodes = with_segments(self.parts, episodes, wanted)
        rows = [row for row, entries in enumerate(wanted) if entries is not None]
        begun = [episodes[row].beginning_of(wanted[row] or ()) for row in rows]
        strands, documents = [start for start, _ in begun], [rest for _, rest in begun]
        found: list[Strand | None] = [None] * len(episodes)
        read = append(self.parts.model, strands, documents, self.parts.special, spare)
        for row, strand in zip(rows, read, strict=True):
            found[row], episodes[row] = strand, episodes[row].having_read(which, strand)
        return episodes, found


def _of_rows(events: Iterator[RowEvent], rows: Sequence[int]) -> Pairs:
    """The events with the numbers of their rows in the run. Returns what they return."""
    while True:
        try:
            place, event = next(events)
        except StopIteration as ended:
            return ended.value
        yield rows[place], event
