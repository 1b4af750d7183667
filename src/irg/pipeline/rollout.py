"""A batch of episodes taken turn by turn, by whoever decides what the next turn is.

`Pipeline.generate` follows a plan from beginning to end. A rollout can also go back to where it was and take
the same turn another way (with another text, without the picture, drawn more slowly), which costs no more
than the new turn itself: the contexts up to there are shared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from irg.core import Role
from irg.core.events import ThoughtDone
from irg.engine import Context, Draws, log_likelihood
from irg.pipeline.episode import Drawn, Episodes, RowEvent
from irg.pipeline.settings import TurnPlan


@dataclass(frozen=True, eq=False)
class Place:
    """Where a rollout stood."""

    turn: int
    main: Context
    text_branch: Context | None
    drawn: tuple[Drawn, ...]


class Rollout:
    """Episodes that have read their prompts. `turn` is a whole turn; `look`, `think`, `draw` are its parts.

    `turn_number` is that of the turn that was begun last, 0 before the first.
    """

    def __init__(self, episodes: Episodes, text_branch: Context | None, turn_number: int = 0) -> None:
        self.episodes, self.text_branch, self.turn_number = episodes, text_branch, turn_number

    @property
    def drawn(self) -> list[Drawn]:
        """What the turn that was begun last has come to."""
        return self.episodes.drawn

    @property
    def place(self) -> Place:
        drawn = tuple(replace(one, seconds=dict(one.seconds)) for one in self.drawn)
        return Place(self.turn_number, self.episodes.main, self.text_branch, drawn)

    def back(self, place: Place, draws: Sequence[Draws] | None = None) -> None:
        """Stand again where the rollout stood; what was read since is given up.

        Places later than this one are lost. `draws` are the random numbers from here on, if not simply the
        next ones.
        """
        if draws is not None and len(draws) != self.episodes.num_rows:
            raise ValueError(f"{len(draws)} draws for {self.episodes.num_rows} episodes")
        self.turn_number, self.text_branch = place.turn, place.text_branch
        self.episodes.main = place.main.rewound()
        self.episodes.drawn = [replace(one, seconds=dict(one.seconds)) for one in place.drawn]
        if place.text_branch is place.main:
            self.text_branch = self.episodes.main
        if draws is not None:
            self.episodes.draws = draws

    def turn(self, turn_plan: TurnPlan, thoughts: Sequence[str] | None = None) -> Iterator[RowEvent]:
        """The next turn. Given `thoughts` are read as if they had been written, whatever the plan says."""
        self.look(turn_plan)
        if thoughts is not None:
            yield from self.read_thoughts(thoughts)
        elif turn_plan.think:
            yield from self.think()
        yield from self.draw(turn_plan)

    @torch.inference_mode()
    def look(self, turn_plan: TurnPlan) -> None:
        """Begin the next turn: what the last one drew is read as the plan says."""
        images = [drawn.image for drawn in self.drawn if drawn.image is not None]
        self.turn_number += 1
        self.episodes.begin_turn()
        if images:
            self.episodes.read_images(images, self.turn_number - 1, turn_plan.clean, turn_plan.view)
            self.text_branch = self.episodes.main

    @torch.inference_mode()
    def log_likelihood(self, text: str) -> list[float]:
        """How likely each episode is to write this text next, as a log-probability."""
        parts = self.episodes.parts
        ids = [parts.tokenizer.encode(text)] * self.episodes.num_rows
        return log_likelihood(parts.model, self.episodes.main, ids, parts.special)

    def think(self) -> Iterator[RowEvent]:
        return in_inference_mode(self.episodes.think(self.turn_number, self.episodes.plan.text))

    def read_thoughts(self, thoughts: Sequence[str]) -> Iterator[RowEvent]:
        """Read given texts as the thoughts of this turn."""
        if len(thoughts) != self.episodes.num_rows:
            raise ValueError(f"{len(thoughts)} thoughts for {self.episodes.num_rows} episodes")
        return in_inference_mode(self._read_thoughts(thoughts))

    def draw(self, turn_plan: TurnPlan) -> Iterator[RowEvent]:
        # Without anything new since the text branch's view, guidance by it would push away from itself.
        text_branch = None if self.text_branch is self.episodes.main else self.text_branch
        return in_inference_mode(self.episodes.draw(self.turn_number, turn_plan, text_branch))

    def _read_thoughts(self, thoughts: Sequence[str]) -> Iterator[RowEvent]:
        ids = [self.episodes.parts.tokenizer.encode(text) for text in thoughts]
        self.episodes.read_texts(ids, Role.THOUGHT, self.turn_number)
        for row, text in enumerate(thoughts):
            self.drawn[row].thought = text
            yield row, ThoughtDone(self.turn_number, text, len(ids[row]), capped=False, reencoded=False)


def in_inference_mode(events: Iterator[Any]) -> Iterator[Any]:
    """Run a generator in inference mode, without leaving the mode on in the caller between events."""
    while True:
        with torch.inference_mode():
            try:
                event = next(events)
            except StopIteration:
                return
        yield event
