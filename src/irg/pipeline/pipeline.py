"""The pipeline: prompt -> thought -> image -> reflection -> better image, streamed as events."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from irg.core import Kind, Role, Segment
from irg.core.events import Done, Event, ThoughtDelta, ThoughtDone
from irg.core.reading import ImageSource, read_image
from irg.core.trace import Trace, Turn
from irg.engine import ALONE, Draws, SeededDraws, SlotPool, Strand, Team, append, copies, new_strands
from irg.engine.pool import GROWTH
from irg.model import Autoencoder, UnifiedModel
from irg.pipeline.episode import RowEvent, States, read_images, read_texts, room_for, think
from irg.pipeline.rollout import Rollout, in_inference_mode
from irg.pipeline.scenes import worded
from irg.pipeline.settings import Plan, Settings
from irg.pipeline.state import Drawn, Parts, State
from irg.prep import Tokenizer


class Pipeline:
    """A loaded model, ready to generate, to answer questions about images and to edit them.

    One prompt or many: a batch runs in step, and each of its episodes gets what it would get alone with its
    seed, up to the rounding of batched arithmetic. The processes of a `team` are asked for the same things in
    the same order, and all come to the same.
    """

    def __init__(
        self,
        model: UnifiedModel,
        autoencoder: Autoencoder,
        tokenizer: Tokenizer,
        settings: Settings | None = None,
        identity: dict[str, Any] | None = None,
        team: Team = ALONE,
    ) -> None:
        self.parts = Parts(model, autoencoder, tokenizer, settings or Settings(), SlotPool(model), team)
        self.identity = identity or {}

    @property
    def settings(self) -> Settings:
        return self.parts.settings

    def generate(self, prompt: str, plan: Plan | None = None, seed: int = 0) -> Iterator[Event]:
        """Stream one episode; the last event is `Done`, with the trace. Same seed, same bytes."""
        for _, event in self.generate_batch([prompt], plan, [seed]):
            yield event

    def generate_batch(
        self,
        prompts: Sequence[str],
        plan: Plan | None = None,
        seeds: Sequence[int] | None = None,
        draws: Sequence[Draws] | None = None,
    ) -> Iterator[RowEvent]:
        """Stream several episodes in step: pairs of the episode's place in `prompts` and its event.

        `draws` replaces the seeds' random numbers by given ones.
        """
        plan = plan or self.settings.plan()
        seeds = list(range(len(prompts))) if seeds is None else list(seeds)
        if len(seeds) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts but {len(seeds)} seeds")
        draws = [SeededDraws(seed) for seed in seeds] if draws is None else draws
        _check_draws(prompts, draws)
        ids = self._all_prompt_ids(prompts)
        return in_inference_mode(self._generate(prompts, ids, plan, seeds, draws))

    def rollout(self, prompts: Sequence[str], plan: Plan, draws: Sequence[Draws]) -> Rollout:
        """Episodes that have read their prompts and wait for their first turn, to be taken step by step.

        Of the plan the size and the text sampling are binding, and whether there are thoughts at all, which
        decides on the system prompt.
        """
        _check_draws(prompts, draws)
        ids = self._all_prompt_ids(prompts)
        # A size that cannot be drawn is told before anything is thought.
        plan.grid(self.parts.model.config)
        with torch.inference_mode():
            return self._begin(ids, plan, draws)

    def edit(
        self, image: ImageSource, instruction: str, plan: Plan | None = None, seed: int = 0
    ) -> Iterator[Event]:
        """Stream the edit of an image. The instruction is what guidance pushes towards."""
        image = read_image(image)
        if plan is None:
            width, height = self.settings.clean.size(*image.size)
            plan = self.settings.edit_plan(width, height)
        ids = self._prompt_ids(instruction)
        for _, event in in_inference_mode(self._edit(image, instruction, ids, plan, seed)):
            yield event

    def ask(self, image: ImageSource, question: str, seed: int = 0) -> Iterator[ThoughtDelta | ThoughtDone]:
        """Stream the answer to a question about an image."""
        for _, event in self.ask_batch([(image, question)], [seed]):
            yield event

    def ask_batch(
        self, questions: Sequence[tuple[ImageSource, str]], seeds: Sequence[int]
    ) -> Iterator[tuple[int, ThoughtDelta | ThoughtDone]]:
        """Stream the answers to several questions, each about its own image."""
        ids = [self._prompt_ids(question) for _, question in questions]
        return in_inference_mode(self._ask([read_image(image) for image, _ in questions], ids, seeds))

    def _generate(
        self,
        prompts: Sequence[str],
        ids: Sequence[tuple[int, ...]],
        plan: Plan,
        seeds: Sequence[int],
        draws: Sequence[Draws],
    ) -> Iterator[RowEvent]:
        rollout = self._begin(ids, plan, draws)
        traces = [self._trace(*asked, plan) for asked in zip(prompts, seeds, strict=True)]
        yield from self._follow(rollout, plan, traces)

    def _edit(
        self, image: Image.Image, instruction: str, ids: tuple[int, ...], plan: Plan, seed: int
    ) -> Iterator[RowEvent]:
        system = self._system(plan)
        room = room_for(self.parts, plan, system.length + len(ids))
        states = self._states(system, plan, [SeededDraws(seed)], room)
        states = self._show(states, [image])
        states = [replace(state, num_before=len(state.main.history), turn=2) for state in states]
        states = read_texts(self.parts, states, [ids], Role.PROMPT)
        rollout = Rollout(self.parts, [replace(state, turn=1) for state in states])
        trace = replace(self._trace(instruction, seed, plan), source=image)
        yield from self._follow(rollout, plan, [trace])

    def _ask(
        self, images: Sequence[Image.Image], ids: Sequence[tuple[int, ...]], seeds: Sequence[int]
    ) -> Iterator[tuple[int, Event]]:
        plan = self.settings.plan(turns=1)
        draws = [SeededDraws(seed) for seed in seeds]
        (empty,) = new_strands(self.parts.pool)
        states = self._states(empty, plan, draws, GROWTH)
        states = read_texts(self.parts, self._show(states, images, clean=False), ids, Role.QUESTION)
        yield from think(self.parts, states)

    def _begin(self, ids: Sequence[tuple[int, ...]], plan: Plan, draws: Sequence[Draws]) -> Rollout:
        system = self._system(plan)
        room = room_for(self.parts, plan, system.length + max(map(len, ids)))
        states = read_texts(self.parts, self._states(system, plan, draws, room), ids, Role.PROMPT)
        return Rollout(self.parts, [replace(state, turn=0) for state in states])

    def _states(self, system: Strand, plan: Plan, draws: Sequence[Draws], room: int) -> States:
        """Episodes in their first turn that share what was read so far, with room for so many tokens each."""
        return tuple(
            State(strand, plan, own, num_before=len(system.history), turn=1)
            for strand, own in zip(copies(system, len(draws), room), draws, strict=True)
        )

    def _follow(self, rollout: Rollout, plan: Plan, traces: list[Trace]) -> Iterator[RowEvent]:
        """The turns of the plan; then `Done`, each with one of the traces, which begin without turns."""
        for turn_plan in plan.turns:
            yield from rollout.turn(turn_plan)
            pairs = zip(traces, rollout.drawn, strict=True)
            traces = [replace(trace, turns=(*trace.turns, _turn(drawn))) for trace, drawn in pairs]
        for row, trace in enumerate(traces):
            yield row, Done(trace)

    def _system_prompt(self, plan: Plan) -> str:
        """The system prompt, if the plan has thoughts: it is what tells a model to think."""
        return self.settings.system_prompt if any(turn.think for turn in plan.turns) else ""

    def _system(self, plan: Plan) -> Strand:
        """What has read the system prompt, if there is one."""
        strands, parts = new_strands(self.parts.pool), self.parts
        if text := self._system_prompt(plan):
            segment = Segment(Kind.TEXT, Role.SYSTEM, parts.tokenizer.encode(text))
            strands = append(parts.model, strands, [(segment,)], parts.special)
        return strands[0]

    def _show(self, states: Sequence[State], images: Sequence[Image.Image], clean: bool = True) -> States:
        """Read given images as the reference does: resized for the autoencoder first, also when only looked
        at, and from that for the vision tower."""
        return read_images(
            self.parts, states, [self.settings.clean(image) for image in images], clean, view=True
        )

    def _all_prompt_ids(self, prompts: Sequence[str]) -> list[tuple[int, ...]]:
        if not prompts:
            raise ValueError("no prompts: expected at least one")
        ids = [self._prompt_ids(prompt) for prompt in prompts]
        return ids if self.settings.world is None else list(map(self._prompt_ids, worded(prompts)))

    def _prompt_ids(self, prompt: str) -> tuple[int, ...]:
        return self.settings.prompt_ids(prompt, self.parts.tokenizer)

    def _trace(self, prompt: str, seed: int, plan: Plan) -> Trace:
        return Trace(prompt, (), seed, self._system_prompt(plan), plan.as_json(), self.identity)


def _check_draws(prompts: Sequence[str], draws: Sequence[Draws]) -> None:
    if len(draws) != len(prompts):
        raise ValueError(f"{len(prompts)} prompts but {len(draws)} draws")


def _turn(drawn: Drawn) -> Turn:
    assert drawn.image is not None
    return Turn(drawn.thought, drawn.image, None, drawn.capped, dict(drawn.seconds))
