"""A batch of episodes taken step by step, by whoever decides what the next step is.

`Pipeline.generate` follows a plan from beginning to end. A rollout can also stop in between, have its
thoughts changed, let go of episodes that are done, take others in, and go back to where it was and take the
same turn another way (with another text, without the picture, drawn more slowly), which costs no more than
the new turn itself: what was read up to there is shared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from irg.core import Role
from irg.core.events import ThoughtDone
from irg.core.trace import Trace
from irg.engine import Draws, log_likelihood
from irg.pipeline.episode import RowEvent, States, Steps, draw, read_images, read_texts, think
from irg.pipeline.settings import TurnPlan
from irg.pipeline.state import Drawn, Parts, State


class Rollout:
    """Episodes that have read their prompts. `turn` is a whole turn; `look`, `think`, `draw` are its parts.

    What they have come to are the `states`, values that stay what they are: `place` keeps them, `back`
    returns to them, and any of them make another rollout. A step whose events are not taken to their end
    leaves the states as they were.
    """

    def __init__(self, parts: Parts, states: Sequence[State]) -> None:
        self.parts, self.states = parts, tuple(states)

    @property
    def drawn(self) -> list[Drawn]:
        """What the turn that was begun last has come to."""
        return [state.drawn for state in self.states]

    @property
    def traces(self) -> list[Trace]:
        """Each episode as far as images were drawn."""
        return [state.trace for state in self.states]

    @property
    def draws(self) -> list[Draws]:
        """The random numbers of each episode."""
        return [state.draws for state in self.states]

    @property
    def place(self) -> States:
        """Where it stands now, for `back`."""
        return self.states

    def back(self, place: States, draws: Sequence[Draws] | None = None) -> None:
        """Stand again where a rollout stood. `draws` are the random numbers from here on, if not simply the
        next ones."""
        draws = self.draws if draws is None else draws
        if len(draws) != len(place):
            raise ValueError(f"{len(draws)} draws for {len(place)} episodes")
        self.states = tuple(replace(state, draws=own) for state, own in zip(place, draws, strict=True))

    def only(self, rows: Sequence[int]) -> "Rollout":
        """A rollout of some of the episodes, in this order: one that occurs twice goes on two ways."""
        return Rollout(self.parts, [self.states[row] for row in rows])

    def joined_by(self, other: "Rollout") -> "Rollout":
        """A rollout of these episodes and then the other's, whatever each has come to."""
        return Rollout(self.parts, self.states + other.states)

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
        seen = [row for row, state in enumerate(self.states) if state.drawn.image is not None]
        images = [image for state in self.states if (image := state.drawn.image) is not None]
        looking = [self.states[row] for row in seen]
        after = read_images(self.parts, looking, images, turn_plan.clean, turn_plan.view)
        states = list(self.states)
        for row, state in zip(seen, after, strict=True):
            states[row] = replace(state, num_before=len(state.main.history))
        self.states = tuple(
            replace(state, turn=state.turn + 1, drawn=Drawn(), begun=state.trace) for state in states
        )

    def give(self, images: Sequence[Image.Image]) -> None:
        """Take given images for those of this turn, as if they had been drawn. Raises ValueError unless there
        is one for each episode."""
        if len(images) != len(self.states):
            raise ValueError(f"{len(images)} images for {len(self.states)} episodes")
        self.states = tuple(
            replace(state, drawn=replace(state.drawn, image=image, given=True))
            for state, image in zip(self.states, images, strict=True)
        )

    @torch.inference_mode()
    def log_likelihood(self, text: str) -> list[float]:
        """How likely each episode is to write this text next, as a log-probability."""
        ids = [self.parts.tokenizer.encode(text)] * len(self.states)
        mains = [state.main for state in self.states]
        return log_likelihood(self.parts.model, mains, ids, self.parts.special)

    def think(self) -> Iterator[RowEvent]:
        """Write the thoughts of this turn."""
        return self._following(think(self.parts, self.states))

    def read_thoughts(self, thoughts: Sequence[str]) -> Iterator[RowEvent]:
        """Read given texts as the thoughts of this turn."""
        self._check_thoughts(thoughts)
        return self._following(self._read_thoughts(dict(enumerate(self.states)), thoughts))

    def rethink(self, thoughts: Sequence[str | None]) -> Iterator[RowEvent]:
        """Read given texts instead of the thoughts that this turn has, before anything is drawn by them; None
        leaves an episode's own."""
        self._check_thoughts(thoughts)
        before = {}
        for row, state in enumerate(self.states):
            if thoughts[row] is None:
                continue
            *rest, last = state.main.history
            if state.drawn.image is not None or last.role is not Role.THOUGHT or last.turn != state.turn:
                raise ValueError(f"episode {row} has no thought that could still be changed in this turn")
            drawn = replace(state.drawn, revised=True)
            before[row] = replace(state, main=state.main.upto(len(rest)), drawn=drawn)
        return self._following(self._read_thoughts(before, [one for one in thoughts if one is not None]))

    def draw(self, turn_plan: TurnPlan) -> Iterator[RowEvent]:
        """Draw the pictures of this turn."""
        return self._following(draw(self.parts, self.states, turn_plan))

    def _check_thoughts(self, thoughts: Sequence[str | None]) -> None:
        if len(thoughts) != len(self.states):
            raise ValueError(f"{len(thoughts)} thoughts for {len(self.states)} episodes")

    def _following(self, steps: Steps) -> Iterator[RowEvent]:
        self.states = yield from in_inference_mode(steps)

    def _read_thoughts(self, before: Mapping[int, State], thoughts: Sequence[str]) -> Steps:
        """Of some rows, which stand where the text is read."""
        ids = [self.parts.tokenizer.encode(text) for text in thoughts]
        read = read_texts(self.parts, list(before.values()), ids, Role.THOUGHT)
        after = list(self.states)
        for row, state, text, own in zip(before, read, thoughts, ids, strict=True):
            drawn = replace(state.drawn, thought=text, capped=False, num_tokens=0)
            after[row] = replace(state, drawn=drawn)
            yield row, ThoughtDone(state.turn, text, len(own), capped=False, reencoded=False)
        return tuple(after)


def in_inference_mode(events: Iterator[Any]) -> Any:
    """Run a generator in inference mode, without leaving the mode on in the caller between events. Returns
    what it returns."""
    while True:
        with torch.inference_mode():
            try:
                event = next(events)
            except StopIteration as ended:
                return ended.value
        yield event
