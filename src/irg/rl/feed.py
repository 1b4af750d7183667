"""How a run of reinforcement learning is fed: with episodes that are played by the model as it then is."""

import math
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from irg.core import Document
from irg.data.prepare import seed_of
from irg.data.source import InputLostError
from irg.data.streams import Rejected
from irg.rl.account import over_all, shares, sums_of
from irg.rl.cast import Cast
from irg.rl.episodes import PlayedStep
from irg.rl.lessons import Lesson, divided, lessons_of
from irg.rl.objective import Practice
from irg.rl.player import Player
from irg.rl.prompts import PromptSource
from irg.rl.rewards import GradesLostError
from irg.rl.samples import save_samples
from irg.rl.settings import RlRecipe
from irg.run.dataset import StoredFeed
from irg.run.loop import FedStep, StoppedError
from irg.run.parallel import Layout
from irg.run.state import gathered

_BAND = 10
"""Steps over which the share of reflections that find nothing to change is looked at."""


@dataclass
class PlayedFeed:
    """This process's episodes of each step, and its rows of ordinary data, where there are any.

    All that is random follows from the recipe's seed and the step, so the state is the step, the last few
    shares that a guard looks at, and that of the data.
    """

    recipe: RlRecipe
    cast: Cast
    player: Player
    prompts: PromptSource
    layout: Layout
    anchor: StoredFeed | None = None
    step: int = 0
    done: list[float] = field(default_factory=list)

    @property
    def known(self) -> tuple[Rejected, ...]:
        return self.anchor.known if self.anchor is not None else ()

    def restore(self, state: dict[str, Any]) -> None:
        self.step, self.done = state["step"], state["done"]
        if self.anchor is not None:
            self.anchor.restore(state["anchor"])

    def __iter__(self) -> Generator[FedStep[Practice]]:
        rows = iter(self.anchor) if self.anchor is not None else None
        try:
            while True:
                started = time.perf_counter()
                before = Counter(self.player.rewards.unanswered)
                played = self._play(self.step + 1)
                sums = over_all(sums_of(played, self.recipe), self.layout)
                self._check(sums, self.player.rewards.unanswered - before)
                self.step += 1
                values = shares(sums)
                self._guard(values)
                lessons = self._lessons(played)
                longest = max(gathered(self._num_forwards(lessons)))
                fed = next(rows) if rows is not None else None
                anchors = fed.rows if fed is not None else ()
                state = {"step": self.step, "done": list(self.done)}
                if fed is not None:
                    state["anchor"] = fed.state
                rejected = fed.rejected if fed is not None else ()
                practice = Practice(lessons, longest, _as_rows(anchors))
                seconds = time.perf_counter() - started
                yield FedStep(practice, state, rejected, seconds, values=values)
        finally:
            if rows is not None:
                rows.close()

    def _play(self, step: int) -> PlayedStep:
        """This process's slots. Where any process cannot play, all of them end."""
        slots = range(self.layout.rank, self.recipe.rollouts.groups, self.layout.world)
        lost: OSError | None = None
        played = PlayedStep((), {})
        with self.cast.on_stage():
            try:
                played = self.player.play(self.prompts, step, slots)
            except OSError as failure:
                lost = failure
        if over_all({"lost": lost is not None}, self.layout, ["lost"])["lost"]:
            raise lost or InputLostError("another process of this run could not play")
        if (step % self.recipe.samples == 0 or step == 1) and self.layout.is_first:
            save_samples(played.groups, self.recipe, step)
        return played

    def _check(self, sums: dict[str, float], unanswered: Counter[str]) -> None:
        """Raises GradesLostError where rewards were silent about too much, before anything is learned of the
        rest: the run can go on from here when they are back. `unanswered`: why, in this process."""
        most = self.recipe.guards.unanswered
        if sums["ungraded"] > most * sums["pictures"]:
            reasons = "; ".join(f"{reason} ({count})" for reason, count in unanswered.items())
            raise GradesLostError(
                f"{sums['ungraded']:.0f} of {sums['pictures']:.0f} pictures have no grade, more than "
                f"guards.unanswered {most:g}: {reasons or 'in other processes'}"
            )

    def _guard(self, values: dict[str, float]) -> None:
        """Raises StoppedError, on all processes alike."""
        guards = self.recipe.guards
        if not math.isnan(values["valid"]) and 1 - values["valid"] > guards.malformed:
            raise StoppedError(
                f"{1 - values['valid']:.1%} of the episodes have a malformed text, more than "
                f"guards.malformed {guards.malformed:.0%}: a lower rate, or more of learning.kl_text"
            )
        if not math.isnan(values["done"]):
            self.done = [*self.done, values["done"]][-_BAND:]
        low, high = guards.done
        mean = sum(self.done) / max(len(self.done), 1)
        if len(self.done) == _BAND and not low <= mean <= high:
            raise StoppedError(
                f"{mean:.1%} of the last reflections of {_BAND} steps find nothing to change, outside of "
                f"guards.done {low:g} to {high:g}"
            )

    def _lessons(self, played: PlayedStep) -> tuple[Lesson, ...]:
        seed = seed_of(self.recipe.seed, "lessons", self.step)
        return tuple(lessons_of(played.groups, self.recipe, seed))

    def _num_forwards(self, lessons: tuple[Lesson, ...]) -> int:
        return max(1, len(divided(lessons, self.recipe.learning.tokens)))


def _as_rows(rows: Any) -> tuple[tuple[Document, ...], ...]:
    return tuple(tuple(row) for row in rows)
