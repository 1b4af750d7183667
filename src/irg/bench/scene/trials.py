"""Draws some prompts under every condition of the comparison, sharing all that the conditions have in common.

One rollout makes the turns; then it goes back to the first picture and takes the second turn another way, and
to the prompt and takes the first another way. Variants of a turn begin with the same noise, so that what
differs between them is what was changed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from irg.bench.episodes import PictureCost
from irg.bench.noise import PairedDraws, fork
from irg.bench.scene.conditions import Condition, Scope, turn_name
from irg.bench.scene.fidelity import fidelity
from irg.bench.scene.records import BestOfTwo, PromptRecord, Result
from irg.bench.scene.reflections import ReflectionCheck, check, planned_scene
from irg.engine import SeededDraws
from irg.pipeline import Pipeline, Rollout, TurnPlan
from irg.pipeline.episode import States
from irg.world import (
    Reading,
    Request,
    Scene,
    compare,
    fulfils,
    judge,
    parse,
    parse_reflection,
    read,
    reflection,
    repair,
)
from irg.world.edits import CHANGE_KINDS, change
from irg.world.scene import pick
from irg.world.sentences import NOTHING_WRONG

SECOND_SEED = 10**12
"""Added to a picture's seed for the second first turn of best-of-2."""
_TEXT_SCALE = 2.0
"""Of the first turn's guidance where the checkpoint's plan has none."""
_IMAGE_SCALE = 2.0
"""Of the image branch where the checkpoint's plan has none: what the BAGEL family uses."""
_CHANGED: dict[Condition, dict[str, bool]] = {
    Condition.NO_VIEW: {"view": False},
    Condition.NO_CLEAN: {"clean": False},
    Condition.TEXT_ONLY: {"view": False, "clean": False},
}


@dataclass(frozen=True, eq=False)
class Taken:
    """What a turn of every episode came to, and what its two halves took."""

    thoughts: tuple[str | None, ...]
    images: tuple[Image.Image, ...]
    thinking: tuple[PictureCost, ...]
    drawing: tuple[PictureCost, ...]


class Trial:
    """The conditions for some prompts. `run` draws them all; `records` and `images` then hold the results."""

    def __init__(self, pipeline: Pipeline, records: Sequence[PromptRecord], scope: Scope) -> None:
        self.pipeline, self.scope = pipeline, scope
        self.plan = pipeline.settings.plan(turns=max(scope.turns, 2))
        self.records = [replace(record, results={}, choice=None) for record in records]
        self.items = [record.item for record in records]
        self.requests = [parse(item.prompt) for item in self.items]
        self.images: dict[str, tuple[Image.Image, ...]] = {}
        self.readings: dict[str, list[Reading]] = {}

    def run(self) -> None:
        self._draw_at_once()
        rollout = self.pipeline.rollout(self._prompts, self.plan, self._draws(0))
        start, start_draws = rollout.place, fork(rollout.draws)
        first = self._take(rollout, self.plan.turns[0])
        self._keep(turn_name(1), first, _total(first))
        if self.scope.turns == 1:
            return
        after_first, first_draws = rollout.place, fork(rollout.draws)
        second, praise = self._draw_turns(rollout, first)
        if self.scope.ablations:
            for name, turn_plan, thoughts in self._variants(first, second):
                rollout.back(after_first, fork(first_draws))
                taken = self._take(rollout, turn_plan, thoughts)
                wrote = thoughts is None and turn_plan.think
                costs = _sum(_total(first), _total(taken))
                self._keep(name, taken, costs, turn_name(1) if wrote else None)
            rollout.back(start, fork(first_draws))
            taken = self._take(rollout, self.plan.turns[0], first.thoughts)
            self._keep(Condition.REDRAW, taken, _sum(_total(first), taken.drawing))
        if self.scope.alternatives:
            twice = replace(self.plan.turns[0], num_points=2 * self.plan.turns[0].num_points - 1)
            rollout.back(start, fork(start_draws))
            taken = self._take(rollout, twice, first.thoughts)
            self._keep(Condition.TWICE_STEPS, taken, _sum(first.thinking, taken.drawing))
            self._draw_guided(rollout, first, start, start_draws)
            rollout.back(start, self._draws(SECOND_SEED))
            self._choose(rollout, first, second, praise)

    @property
    def _prompts(self) -> list[str]:
        return [item.prompt for item in self.items]

    def _draws(self, offset: int) -> list[PairedDraws]:
        return [PairedDraws(SeededDraws(item.seeds[0] + offset)) for item in self.items]

    def _draw_at_once(self) -> None:
        plan = self.pipeline.settings.plan(turns=1, think=False)
        taken = self._take(self.pipeline.rollout(self._prompts, plan, self._draws(0)), plan.turns[0])
        self._keep(Condition.DIRECT, taken, _total(taken))

    def _draw_turns(self, rollout: Rollout, first: Taken) -> tuple[Taken, list[float]]:
        """The turns after the first; the second of them, and how likely the first pictures were praised."""
        cost, praise, second = _total(first), [], first
        for number, turn_plan in enumerate(self.plan.turns[1:], start=2):
            started = time.perf_counter()
            rollout.look(turn_plan)
            looked = self._share(started)
            if number == 2 and self.scope.alternatives:
                praise = rollout.log_likelihood(NOTHING_WRONG)
            taken = self._take(rollout, turn_plan, looked=looked)
            cost = _sum(cost, _total(taken))
            self._keep(turn_name(number), taken, cost, turn_name(number - 1))
            second = taken if number == 2 else second
        return second, praise

    def _draw_guided(self, rollout: Rollout, first: Taken, start: States, draws: list[PairedDraws]) -> None:
        """The first turn with guidance, two evaluations a step, unless the plan has it anyway."""
        plan = self.plan.turns[0]
        if plan.guidance.text_scale != 1.0:
            return
        rollout.back(start, fork(draws))
        guided = replace(plan, guidance=replace(plan.guidance, text_scale=_TEXT_SCALE))
        taken = self._take(rollout, guided, first.thoughts)
        self._keep(Condition.GUIDED, taken, _sum(first.thinking, taken.drawing))

    def _variants(self, first: Taken, second: Taken) -> list[tuple[str, TurnPlan, list[str] | None]]:
        """Other second turns: the condition, its plan, and its texts if they are given."""
        plan = self.plan.turns[1]
        written = [thought or "" for thought in second.thoughts]
        true, wrong = self._oracles_texts(first)
        variants: list[tuple[str, TurnPlan, list[str] | None]] = [
            (Condition.TRUE_REFLECTION, plan, true),
            (Condition.NO_REFLECTION, replace(plan, think=False), None),
            (Condition.WRONG_REFLECTION, plan, wrong),
            (Condition.OTHER_REFLECTION, plan, [*written[1:], written[0]]),
        ]
        variants += [(name, replace(plan, **changes), None) for name, changes in _CHANGED.items()]
        name, scale = Condition.NO_IMAGE_BRANCH, 1.0
        if plan.guidance.image_scale == 1.0:
            name, scale = Condition.IMAGE_BRANCH, _IMAGE_SCALE
        changed = replace(plan, guidance=replace(plan.guidance, image_scale=scale))
        return [*variants, (name, changed, written)]

    def _oracles_texts(self, first: Taken) -> tuple[list[str], list[str]]:
        """For each first picture the true reflection, and one that leads to a scene nobody asked for."""
        true, wrong = [], []
        for item, request, reading, thought in zip(
            self.items, self.requests, self.readings[turn_name(1)], first.thoughts, strict=True
        ):
            rng = np.random.default_rng([item.seeds[0], 11])
            plan = planned_scene(thought or "")
            target, flaws = repair(request, reading, plan, rng)
            true.append(reflection(flaws, target, request))
            elsewhere = wrong_scene(request, target, rng)
            wrong.append(reflection(compare(reading, elsewhere), elsewhere, request))
        return true, wrong

    def _choose(self, rollout: Rollout, first: Taken, second: Taken, praise: list[float]) -> None:
        """Best of two first turns: reflect on the other one as well, and take what is criticised less."""
        other = self._take(rollout, self.plan.turns[0])
        self._keep(Condition.AGAIN, other, _total(other))
        started = time.perf_counter()
        rollout.look(self.plan.turns[1])
        praise_of_other = rollout.log_likelihood(NOTHING_WRONG)
        for _ in rollout.think():
            pass
        seconds = self._share(started)
        images, costs, chosen_thoughts = [], [], []
        for row, drawn in enumerate(rollout.drawn):
            named = (num_named(second.thoughts[row]), num_named(drawn.thought))
            choice = BestOfTwo(named, (praise[row], praise_of_other[row]))
            self.records[row] = replace(self.records[row], choice=choice)
            images.append((first, other)[choice.chosen].images[row])
            chosen_thoughts.append((first, other)[choice.chosen].thoughts[row])
            first_cost = first.thinking[row] + first.drawing[row] + second.thinking[row]
            other_cost = other.thinking[row] + other.drawing[row] + PictureCost(seconds, 0, drawn.num_tokens)
            costs.append(first_cost + other_cost)
        chosen = replace(first, thoughts=tuple(chosen_thoughts), images=tuple(images))
        self._keep(Condition.BEST_OF_2, chosen, costs)

    def _take(
        self,
        rollout: Rollout,
        turn_plan: TurnPlan,
        thoughts: Sequence[str | None] | None = None,
        looked: float | None = None,
    ) -> Taken:
        """A turn. `looked` says that it was begun already, and what that took."""
        started = time.perf_counter()
        if looked is None:
            rollout.look(turn_plan)
        if thoughts is not None:
            thinking = rollout.read_thoughts([thought or "" for thought in thoughts])
        else:
            thinking = rollout.think() if turn_plan.think else iter(())
        for _ in thinking:
            pass
        thought_seconds, drawing_started = self._share(started) + (looked or 0.0), time.perf_counter()
        for _ in rollout.draw(turn_plan):
            pass
        seconds = self._share(drawing_started)
        return Taken(
            tuple(drawn.thought for drawn in rollout.drawn),
            tuple(drawn.image for drawn in rollout.drawn if drawn.image is not None),
            tuple(PictureCost(thought_seconds, 0, drawn.num_tokens) for drawn in rollout.drawn),
            tuple(PictureCost(seconds, drawn.evaluations, 0) for drawn in rollout.drawn),
        )

    def _keep(
        self, name: str, taken: Taken, costs: Sequence[PictureCost], reflected_on: str | None = None
    ) -> None:
        """Score the pictures. `reflected_on` names the pictures that the thoughts are reflections on."""
        self.images[name] = taken.images
        self.readings[name] = [read(np.asarray(image)) for image in taken.images]
        for row, (image, reading) in enumerate(zip(taken.images, self.readings[name], strict=True)):
            flaws, thought = judge(self.requests[row], reading), taken.thoughts[row]
            checked = (
                self._check(row, reflected_on, thought) if reflected_on and thought is not None else None
            )
            self.records[row].results[str(name)] = Result(
                not flaws,
                fidelity(np.asarray(image), reading),
                costs[row],
                flaws,
                thought,
                checked,
            )

    def _check(self, row: int, picture: str, thought: str) -> ReflectionCheck:
        plan = self.records[row].results[picture].thought
        return check(self.requests[row], plan, self.readings[picture][row], thought)

    def _share(self, started: float) -> float:
        """The seconds since then that fall to one episode."""
        return (time.perf_counter() - started) / len(self.items)


def wrong_scene(request: Request, target: Scene, rng: np.random.Generator) -> Scene:
    """The target with one change after which it is no longer what was asked for."""
    while True:
        changed = change(target, pick(CHANGE_KINDS, rng), rng)
        if changed is not None and not fulfils(changed[0], request):
            return changed[0]


def num_named(text: str | None) -> int | None:
    """How many flaws a reflection names; None if it cannot be read."""
    try:
        return len(parse_reflection(text or "")[0])
    except ValueError:
        return None


def _total(taken: Taken) -> tuple[PictureCost, ...]:
    return _sum(taken.thinking, taken.drawing)


def _sum(first: Sequence[PictureCost], second: Sequence[PictureCost]) -> tuple[PictureCost, ...]:
    return tuple(one + other for one, other in zip(first, second, strict=True))
