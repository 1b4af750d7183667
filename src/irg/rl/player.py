"""Playing: groups of siblings for the slots of a step, with a model as it now is.

A slot draws first pictures, each for a prompt of its own, until one is wrong; siblings go on from there. All
that is random about a slot follows from the run's seed, the step and the slot, so that it does not matter who
plays it, or beside whom.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from irg.core.events import DenoisingStep, ImageDone, ThoughtDone
from irg.core.picture import Picture
from irg.data.prepare import seed_of
from irg.engine import Sketch, StepTaken, Stirred, token_logs
from irg.pipeline import Pipeline
from irg.pipeline.episode import draw_sketches, sketches_of
from irg.pipeline.rollout import Rollout, in_inference_mode
from irg.pipeline.settings import Plan, TurnPlan
from irg.pipeline.state import State
from irg.rl.draws import TwinDraws
from irg.rl.episodes import DrawnImage, PlayedStep, Sibling, SiblingGroup, WrittenText
from irg.rl.form import Form
from irg.rl.prompts import AskedPicture, PromptSource
from irg.rl.rewards import GradedPicture, Rewards
from irg.rl.settings import RolloutSettings


@dataclass(frozen=True, eq=False)
class Player:
    """Plays with the model of a pipeline. `stirs`: whether the steps of a window have noise and are kept."""

    pipeline: Pipeline
    rewards: Rewards
    form: Form
    settings: RolloutSettings
    plan: Plan
    seed: int
    stirs: bool = False

    def play(self, prompts: PromptSource, step: int, slots: Sequence[int]) -> PlayedStep:
        """The groups of these slots that have anything to compare, by slot."""
        counts: Counter[str] = Counter()
        roots = self._roots(prompts, step, slots, counts)
        places = [(slot, number) for slot in roots for number in range(self.settings.siblings)]
        siblings: defaultdict[int, list[Sibling]] = defaultdict(list)
        for first in range(0, len(places), self.settings.batch):
            chunk = places[first : first + self.settings.batch]
            played = self._siblings([(roots[slot], slot, number) for slot, number in chunk], step, counts)
            for (slot, _), sibling in zip(chunk, played, strict=True):
                if sibling is not None:
                    siblings[slot].append(sibling)
        groups = [
            SiblingGroup(slot, roots[slot].asked, tuple(own))
            for slot, own in siblings.items()
            if len(own) > 1
        ]
        return PlayedStep(tuple(groups), counts)

    def episodes(self, asked: Sequence[AskedPicture]) -> list[Sibling | None]:
        """One whole episode for each prompt, as whoever uses the model plays it: at the plan's temperature,
        without noisy steps. None where a picture has no grade."""
        played: list[Sibling | None] = []
        for first in range(0, len(asked), self.settings.batch):
            some = asked[first : first + self.settings.batch]
            rollout = self.pipeline.rollout(
                [one.prompt for one in some], self.plan, seeds=[one.seed for one in some]
            )
            grades = self._first(rollout, some, Counter())
            states, own = rollout.states, [float("nan") if grade is None else grade for grade in grades]
            played += self._on(states, some, own, [None] * len(some), Counter())
        return played

    def _roots(
        self, prompts: PromptSource, step: int, slots: Sequence[int], counts: Counter[str]
    ) -> dict[int, "_Root"]:
        """The first picture of each slot; none for one whose pictures have no grades."""
        takes_any = round(self.settings.right * self.settings.groups)
        waiting, roots = list(slots), dict[int, _Root]()
        for attempt in range(self.settings.tries):
            refused = []
            for first in range(0, len(waiting), self.settings.batch):
                some = waiting[first : first + self.settings.batch]
                asked = [prompts(seed_of(self.seed, "root", step, slot, attempt)) for slot in some]
                rollout = self.pipeline.rollout(
                    [one.prompt for one in asked], self.plan, seeds=[one.seed for one in asked]
                )
                grades = self._first(rollout, asked, counts)
                for slot, one, grade, state in zip(some, asked, grades, rollout.states, strict=True):
                    if grade is not None:
                        roots[slot] = _Root(one, grade, state)
                    if grade is None or (grade >= 1 and slot >= takes_any):
                        refused.append(slot)
            waiting = refused
            if not waiting:
                break
        return {slot: roots[slot] for slot in slots if slot in roots}

    def _first(
        self, rollout: Rollout, asked: Sequence[AskedPicture], counts: Counter[str]
    ) -> list[float | None]:
        """Take the first turn, and grade its pictures."""
        for _ in rollout.turn(self.plan.turns[0]):
            pass
        grades = self._graded(rollout.states, asked, counts)
        known = [grade for grade in grades if grade is not None]
        counts.update(first=len(known), first_right=sum(grade >= 1 for grade in known))
        return grades

    def _graded(
        self, states: Sequence[State], asked: Sequence[AskedPicture], counts: Counter[str]
    ) -> list[float | None]:
        shown = []
        for one, state in zip(asked, states, strict=True):
            assert state.drawn.image is not None, "a turn ends with a picture"
            picture = Picture.of(state.drawn.image)
            shown.append(GradedPicture(one.prompt, picture, state.drawn.thought or "", one.facts))
        grades = self.rewards(shown)
        counts.update(pictures=len(grades), ungraded=sum(grade is None for grade in grades))
        return grades

    def _siblings(
        self, places: Sequence[tuple["_Root", int, int]], step: int, counts: Counter[str]
    ) -> list[Sibling | None]:
        # Of all tokens: what is learned is how likely each was among them.
        text = replace(self.plan.text, temperature=self.settings.temperature, top_p=1.0)
        states, stirred = [], []
        for root, slot, number in places:
            of_all, own = seed_of(self.seed, step, slot), seed_of(self.seed, step, slot, number)
            draws = TwinDraws(of_all if self.settings.common_noise else own, own)
            states.append(replace(root.state, draws=draws, plan=replace(root.state.plan, text=text)))
            stirred.append(_Window(of_all, own) if self.stirs else None)
        asked = [root.asked for root, _, _ in places]
        return self._on(states, asked, [root.grade for root, _, _ in places], stirred, counts)

    def _on(
        self,
        states: Sequence[State],
        asked: Sequence[AskedPicture],
        first: Sequence[float],
        windows: Sequence["_Window | None"],
        counts: Counter[str],
    ) -> list[Sibling | None]:
        """Episodes that have drawn their first pictures, taken to their end."""
        rollout = Rollout(self.pipeline.parts, states)
        rows = range(len(states))
        texts: list[list[WrittenText]] = [[] for _ in rows]
        images: list[list[DrawnImage]] = [[] for _ in rows]
        grades: list[list[float | None]] = [[one] for one in first]
        for turn_plan in self.plan.turns[1:]:
            rollout.look(turn_plan)
            for own, text in zip(texts, self._write(rollout), strict=True):
                own.append(text)
            rollout, drawn = self._draw(rollout, turn_plan, windows)
            for own, image in zip(images, drawn, strict=True):
                own.append(image)
            for own, grade in zip(grades, self._graded(rollout.states, asked, counts), strict=True):
                own.append(grade)
        return [
            self._sibling(state, texts[row], images[row], grades[row])
            for row, state in enumerate(rollout.states)
        ]

    def _sibling(
        self,
        state: State,
        texts: Sequence[WrittenText],
        images: Sequence[DrawnImage],
        grades: Sequence[float | None],
    ) -> Sibling | None:
        known = [grade for grade in grades if grade is not None and grade == grade]
        if len(known) < len(grades):
            return None
        is_done = texts[-1].is_valid and self.form.is_done(state.drawn.thought or "")
        return Sibling(state.main.history, tuple(texts), tuple(images), tuple(known), is_done, state.trace)

    def _write(self, rollout: Rollout) -> list[WrittenText]:
        """The reflections of a turn, and how likely each token was."""
        parts, before = self.pipeline.parts, [state.main for state in rollout.states]
        done = [event for _, event in rollout.think() if isinstance(event, ThoughtDone)]
        ids = [state.main.history[-1].ids for state in rollout.states]
        temperature = rollout.states[0].plan.text.temperature or 1.0
        with torch.inference_mode():
            logs = token_logs(parts.model, before, ids, parts.special, temperature)
        return [
            WrittenText(
                event.turn,
                log_L.clone(),
                event.capped,
                not event.reencoded,
                not event.capped and self.form.is_valid(event.text, event.turn),
            )
            for event, log_L in zip(done, logs, strict=True)
        ]

    def _draw(
        self, rollout: Rollout, turn_plan: TurnPlan, windows: Sequence["_Window | None"]
    ) -> tuple[Rollout, list[DrawnImage]]:
        """The pictures of a turn, with the steps that had noise."""
        with torch.inference_mode():
            states, blank = sketches_of(self.pipeline.parts, rollout.states, turn_plan)
        sketches = [
            sketch if window is None else window.stir(sketch, self.settings, states[0].turn)
            for sketch, window in zip(blank, windows, strict=True)
        ]
        steps: list[list[StepTaken]] = [[] for _ in sketches]
        before, last = [sketch.latent_NV for sketch in sketches], [sketch.latent_NV for sketch in sketches]
        drawing = in_inference_mode(draw_sketches(self.pipeline.parts, states, sketches, time.perf_counter()))
        while True:
            try:
                row, event = next(drawing)
            except StopIteration as ended:
                after = ended.value
                break
            if isinstance(event, DenoisingStep):
                sketch, index = sketches[row], event.index - 1
                if sketch.stirred is not None and sketch.stirred.noise_of(index) is not None:
                    t, t_next = sketch.schedule[index : index + 2]
                    steps[row].append(StepTaken(t, t_next, _kept(before[row]), _kept(event.latents)))
                before[row] = event.latents
            elif isinstance(event, ImageDone):
                last[row] = event.latents
        images = [
            DrawnImage(states[row].turn, sketch.grid, _kept(last[row]), tuple(steps[row]))
            for row, sketch in enumerate(sketches)
        ]
        return Rollout(self.pipeline.parts, after), images


@dataclass(frozen=True, eq=False)
class _Root:
    """A first picture from which siblings go on."""

    asked: AskedPicture
    grade: float
    state: State


@dataclass(frozen=True)
class _Window:
    """Where a sibling's drawings have noise: by the group's seed; and which noise: by its own."""

    group: int
    own: int

    def stir(self, sketch: Sketch, settings: RolloutSettings, turn: int) -> Sketch:
        """The window begins in the first half of the steps, but not with the first of them, which is all
        noise anyway, and ends before the last, which is straight."""
        num_steps = len(sketch.schedule) - 1
        length = min(settings.window, max(num_steps - 2, 1))
        latest = max(1, min(num_steps // 2 - 1, num_steps - 1 - length))
        first = 1 + seed_of(self.group, "window", turn) % latest
        generator = torch.Generator().manual_seed(seed_of(self.own, "stirring", turn))
        noise_KNV = torch.randn(length, *sketch.latent_NV.shape, generator=generator)
        return replace(sketch, stirred=Stirred(settings.sampler, first, noise_KNV))


def _kept(latent_NV: torch.Tensor) -> torch.Tensor:
    """A tensor that training can go through, made of one of inference."""
    return latent_NV.float().cpu().clone()
