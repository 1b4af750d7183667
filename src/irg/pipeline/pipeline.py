"""The pipeline: prompt -> thought -> image -> reflection -> better image, streamed as events."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from irg.core import Kind, Role, Segment
from irg.core.events import Done, Event, ThoughtDelta, ThoughtDone, trace_of
from irg.core.reading import ImageSource, read_image
from irg.core.trace import Trace
from irg.core.values import check_number, seed_of
from irg.engine import (
    Draws,
    SeededDraws,
    SlotPool,
    Strand,
    Team,
    TextSampling,
    append,
    copies,
    new_strands,
)
from irg.engine.pool import GROWTH
from irg.model import Autoencoder, UnifiedModel
from irg.pipeline.answer import Answered, Shown, pictures_of
from irg.pipeline.episode import (
    RowEvent,
    States,
    margin_for,
    read_images,
    read_texts,
    room_for,
    think,
)
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.runner import PlanRun
from irg.pipeline.plans.start import PlanOrder, begin, settled, system_prompt_of
from irg.pipeline.replay import plan_of, steering_of, step_plan_of, warn_of_other_model
from irg.pipeline.rollout import Rollout, in_inference_mode
from irg.pipeline.scenes import worded
from irg.pipeline.settings import Plan, Settings
from irg.pipeline.state import Parts, State
from irg.pipeline.steering import Revise, Steering, Until, follow, think_of
from irg.prep import Tokenizer
from irg.report.page import fill

AnyPlan = Plan | StepPlan | str | Path
"""A plan of turns, a plan of steps, the name of one that comes with irg, or its file."""
_TOGETHER, _TOGETHER_LARGE, _LARGE = 16, 4, 10**9
"""Episodes that are drawn together, and of models with over so many parameters."""

_EXAMPLE = "a green star above a yellow circle"


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
        compiled: bool = False,
    ) -> None:
        """`compiled` steps take their time when a shape is met first, and are faster from then on: the pieces
        of experts are compiled, and a GPU runs a token, or an evaluation of drawing, as one graph. Raises
        ValueError where there is no compiler."""
        if compiled:
            model.compile_experts()
        self.parts = Parts(model, autoencoder, tokenizer, settings or Settings(), SlotPool(model, compiled))
        self.identity = identity or {}

    def drawing_with(self, team: Team) -> "Pipeline":
        """The same, in one of the processes that draw together."""
        member = copy.copy(self)
        member.parts = replace(self.parts, team=team)
        return member

    @property
    def settings(self) -> Settings:
        """How the checkpoint wants to be used; `settings.plan()` is its usual plan."""
        return self.parts.settings

    @property
    def num_parameters(self) -> int:
        """How many numbers the model has, without its autoencoder."""
        return sum(parameter.numel() for parameter in self.parts.model.parameters())

    @property
    def usual_batch(self) -> int:
        """So many episodes are drawn together where nobody says how many."""
        return _TOGETHER_LARGE if self.num_parameters > _LARGE else _TOGETHER

    def _repr_html_(self) -> str:
        """How notebooks show it."""
        model, settings = self.parts.model, self.settings
        facts = [
            ("parameters", f"{self.num_parameters:,}"),
            ("runs on", f"{model.device}, {str(model.dtype).removeprefix('torch.')}"),
            ("draws", f"{settings.width} \N{MULTIPLICATION SIGN} {settings.height} pixels"),
            ("turns", f"{settings.turns}{'' if settings.thinks else ', without thoughts'}"),
            ("world", "plain shapes only" if settings.world else "open"),
        ]
        content = {"name": self.identity.get("name", "a model"), "facts": facts, "example": _EXAMPLE}
        return fill("pipeline/pipeline.html", content)

    def __call__(
        self,
        prompt: str,
        plan: AnyPlan | None = None,
        seed: int = 0,
        image: ImageSource | None = None,
        revise: Revise | None = None,
        until: Until | None = None,
    ) -> Trace:
        """Draw a prompt, and return all that came of it: `pipeline("a green star").image` is the last image.

        As `generate`; with an `image` to begin from, as `reflect`.
        """
        if image is None:
            return trace_of(self.generate(prompt, plan, seed, revise, until))
        return trace_of(self.reflect(image, prompt, plan, seed, revise, until))

    def many(
        self,
        prompts: Sequence[str],
        plan: AnyPlan | None = None,
        seeds: Sequence[int] | None = None,
        batch: int | None = None,
        revise: Revise | None = None,
        until: Until | None = None,
    ) -> Iterator[Trace]:
        """The traces of many prompts, in their order, so many drawn together (None: as many as suit the
        model). Seeds count up from 0 unless given; see `generate_batch`.

        What is drawn together is rounded otherwise than alone, which may change a word, and so a picture:
        `batch=1` draws each prompt as it is drawn alone.
        """
        size = self.usual_batch if batch is None else batch
        check_number("batch", size, 1, whole=True)
        seeds = list(range(len(prompts))) if seeds is None else list(seeds)
        _check_number(prompts, seeds, "seeds")
        for start in range(0, len(prompts), size):
            part = slice(start, start + size)
            events = self.generate_batch(prompts[part], plan, seeds[part], None, revise, until)
            done = {row: event.trace for row, event in events if isinstance(event, Done)}
            yield from (done[row] for row in sorted(done))

    def generate(
        self,
        prompt: str,
        plan: AnyPlan | None = None,
        seed: int = 0,
        revise: Revise | None = None,
        until: Until | None = None,
    ) -> Iterator[Event]:
        """Stream one episode; the last event is `Done`, with the trace. Same seed, same bytes.

        `plan` None is the checkpoint's own (`settings.follows`, else `settings.plan()`); one of steps may be
        given by its name or file. `revise` is asked after each thought, with the trace so far and the text,
        for what is to be read in its place; a text that it changes is told again. `until` is asked after
        each image, with the trace so far, whether the episode ends there.

        Raises ValueError for a prompt that is empty or too long, a size that the model cannot draw, and a
        seed of more than 64 bits; warns (`OutsideWorldWarning`) of a prompt that means nothing to the model.
        """
        for _, event in self.generate_batch([prompt], plan, [seed], None, revise, until):
            yield event

    def generate_batch(
        self,
        prompts: Sequence[str],
        plan: AnyPlan | None = None,
        seeds: Sequence[int] | None = None,
        draws: Sequence[Draws] | None = None,
        revise: Revise | None = None,
        until: Until | None = None,
    ) -> Iterator[RowEvent]:
        """Stream several episodes in step: pairs of the episode's place in `prompts` and its event.

        `draws` replaces the seeds' random numbers by given ones. An episode that ends early, as `until`
        wants it, leaves the batch.
        """
        plan = plan or self.settings.follows or self.settings.plan()
        if not isinstance(plan, Plan):
            return self.planned(plan, prompts, None, seeds, draws, Steering(revise, until)).follow()
        seeds = list(range(len(prompts))) if seeds is None else list(map(seed_of, seeds))
        _check_number(prompts, seeds, "seeds")
        draws = [SeededDraws(seed) for seed in seeds] if draws is None else draws
        _check_number(prompts, draws, "draws")
        ids = self._all_prompt_ids(prompts)
        traces = [self._trace(*asked, plan) for asked in zip(prompts, seeds, strict=True)]
        return self._generate(traces, ids, plan, draws, Steering(revise, until))

    def planned(
        self,
        plan: StepPlan | str | Path,
        prompts: Sequence[str],
        pictures: Sequence[Shown] | None = None,
        seeds: Sequence[int] | None = None,
        draws: Sequence[Draws] | None = None,
        steering: Steering | None = None,
    ) -> PlanRun:
        """Episodes of a plan of steps, given also as the name of one that comes with irg or as a file, that
        wait to be followed. `pictures` are those that each is given, one or several.

        Raises ValueError for a plan that cannot be run, and where pictures are given to one that reads none,
        or lack.
        """
        seeds = list(range(len(prompts))) if seeds is None else list(map(seed_of, seeds))
        _check_number(prompts, seeds, "seeds")
        draws = [SeededDraws(seed) for seed in seeds] if draws is None else draws
        _check_number(prompts, draws, "draws")
        shown = [tuple(pictures_of(one)) for one in ([()] * len(prompts) if pictures is None else pictures)]
        _check_number(prompts, shown, "lists of pictures")
        plan = settled(plan, self.settings)
        read = prompts if any(shown) else self._as_read(prompts)
        for prompt in read:
            self._prompt_ids(prompt)
        system = system_prompt_of(plan, self.settings)
        orders = [
            PlanOrder(
                words, images, own, Trace(prompt, (), seed, system, plan.as_json(), self.identity, source)
            )
            for words, images, own, prompt, seed in zip(read, shown, draws, prompts, seeds, strict=True)
            for source in [images[0] if images else None]
        ]
        return begin(self.parts, plan, orders, steering or Steering())

    def rollout(
        self,
        prompts: Sequence[str],
        plan: Plan,
        draws: Sequence[Draws] | None = None,
        seeds: Sequence[int] | None = None,
    ) -> Rollout:
        """Episodes that have read their prompts and wait for their first turn, to be taken step by step.

        Of the plan the size and the text sampling are binding, and whether there are thoughts at all, which
        decides on the system prompt. `draws` are their random numbers, by default those of the `seeds`,
        which count up from 0 unless given.
        """
        seeds = list(range(len(prompts))) if seeds is None else list(map(seed_of, seeds))
        _check_number(prompts, seeds, "seeds")
        draws = [SeededDraws(seed) for seed in seeds] if draws is None else draws
        _check_number(prompts, draws, "draws")
        ids = self._all_prompt_ids(prompts)
        # A size that cannot be drawn is told before anything is thought.
        plan.grid(self.parts.model.config)
        traces = [self._trace(*asked, plan) for asked in zip(prompts, seeds, strict=True)]
        return self._begin(traces, ids, plan, draws)

    def edit(
        self,
        image: ImageSource,
        instruction: str,
        plan: AnyPlan | None = None,
        seed: int = 0,
        revise: Revise | None = None,
        until: Until | None = None,
    ) -> Iterator[Event]:
        """Stream the edit of an image. The instruction is what guidance pushes towards.

        `plan` None is `settings.edit_plan` in the image's size, as the model reads it. Raises as `generate`,
        and ImageError for an image that cannot be read.
        """
        image = read_image(image)
        if plan is None:
            plan = self.settings.edit_plan(*self.settings.clean.size(*image.size))
        if not isinstance(plan, Plan):
            run = self.planned(plan, [instruction], [image], [seed], None, Steering(revise, until))
            yield from (event for _, event in run.follow())
            return
        ids = self._prompt_ids(instruction)
        trace = replace(self._trace(instruction, seed_of(seed), plan), source=image)
        for _, event in self._edit(trace, image, ids, plan, Steering(revise, until)):
            yield event

    def reflect(
        self,
        image: ImageSource,
        prompt: str,
        plan: AnyPlan | None = None,
        seed: int = 0,
        revise: Revise | None = None,
        until: Until | None = None,
    ) -> Iterator[Event]:
        """Stream an episode that begins with a given image in the place of the one that its first turn would
        draw: the model looks at it, reflects, and draws it better. The trace has it as its first image, in
        the size in which it is read.

        `plan` None is the checkpoint's own, of two turns at least, in the image's size. If the plan's
        first turn has a thought, it is written before the image is looked at. Raises as `generate`,
        ImageError for an image that cannot be read, and ValueError for a plan of one turn.
        """
        events = self.reflect_batch([image], [prompt], plan, [seed], Steering(revise, until))
        yield from (event for _, event in events)

    def reflect_batch(
        self,
        images: Sequence[ImageSource],
        prompts: Sequence[str],
        plan: AnyPlan | None = None,
        seeds: Sequence[int] | None = None,
        steering: Steering | None = None,
    ) -> Iterator[RowEvent]:
        """Stream several episodes in step that each begin with an image of its own: pairs of the episode's
        place and its event. See `reflect`; `plan` None is for images that are read in one size."""
        seeds = list(range(len(prompts))) if seeds is None else list(map(seed_of, seeds))
        _check_number(prompts, seeds, "seeds")
        _check_number(prompts, images, "images")
        shown = [self.settings.clean(read_image(image)) for image in images]
        ids = self._all_prompt_ids(prompts)
        if plan is None and len({image.size for image in shown}) > 1:
            raise ValueError("images of several sizes: expected a plan, which says in which size is drawn")
        plan = plan or self.settings.reflect_plan(*shown[0].size)
        if not isinstance(plan, Plan):
            raise ValueError("a plan of steps: expected one of turns; steps read given pictures as input:cv")
        if len(plan.turns) < 2:
            raise ValueError("a plan of 1 turn: expected at least 2, of which the first has the given image")
        traces = [self._trace(*asked, plan) for asked in zip(prompts, seeds, strict=True)]
        return self._reflect(traces, shown, ids, plan, steering or Steering())

    def replay(self, trace: Trace) -> Iterator[Event]:
        """Stream the episode of a trace once more: the same bytes, by the same weights on the same machine.

        Texts that somebody changed are changed likewise, and it ends where the trace does. Warns
        (`OtherModelWarning`) where the trace was made with other weights, in another precision or elsewhere;
        raises ValueError for a trace that does not say how it was made.
        """
        warn_of_other_model(trace, self.identity)
        if (steps := step_plan_of(trace)) is not None:
            pictures = None if trace.source is None else [trace.source]
            run = self.planned(steps, [trace.prompt], pictures, [trace.seed], None, steering_of(trace))
            return (event for _, event in run.follow())
        plan, steering = plan_of(trace, self.settings), steering_of(trace)
        asked = trace.prompt, plan, trace.seed, steering.revise, steering.until
        if trace.source is not None:
            return self.edit(trace.source, *asked)
        if trace.turns[0].given:
            return self.reflect(trace.turns[0].image, *asked)
        return self.generate(*asked)

    def ask(
        self,
        shown: Shown,
        question: str,
        seed: int = 0,
        think: bool = False,
        sampling: TextSampling | None = None,
        before: Sequence[tuple[str, str]] = (),
    ) -> Iterator[ThoughtDelta | ThoughtDone]:
        """Stream the answer to a question about an image, about several (a list, in their order), or about
        none (an empty list).

        With `think`, it begins with a thought between `<think>` and `</think>`. `sampling` None is greedy, up
        to as many tokens as a thought may have (`settings.answer_sampling()`). `before` is what was said
        about the same images: questions with their answers, which are read before this one. Raises ValueError
        for a question that is empty or too long, and ImageError for an image that cannot be read.
        """
        for _, event in self.ask_batch([(shown, question)], [seed], think, sampling, [before]):
            yield event

    def answer(
        self,
        shown: Shown,
        question: str,
        seed: int = 0,
        think: bool = False,
        sampling: TextSampling | None = None,
        before: Sequence[tuple[str, str]] = (),
    ) -> Answered:
        """The whole answer to a question, as `ask` streams it, its thought apart from it."""
        *_, done = self.ask(shown, question, seed, think, sampling, before)
        assert isinstance(done, ThoughtDone)
        return Answered.of(done)

    def ask_batch(
        self,
        questions: Sequence[tuple[Shown, str]],
        seeds: Sequence[int] | None = None,
        think: bool = False,
        sampling: TextSampling | None = None,
        befores: Sequence[Sequence[tuple[str, str]]] | None = None,
    ) -> Iterator[tuple[int, ThoughtDelta | ThoughtDone]]:
        """Stream the answers to several questions in step, each about images of its own, with what was said
        before each: pairs of the question's place and its event. See `ask`."""
        if not questions:
            raise ValueError("no questions: expected at least one")
        befores = [()] * len(questions) if befores is None else befores
        _check_number(questions, befores, "lists of what was said before", "questions")
        seeds = list(range(len(questions))) if seeds is None else list(map(seed_of, seeds))
        _check_number(questions, seeds, "seeds", "questions")
        # Questions and their answers by turns, as segments; the last is what is asked now.
        said = [
            [self._prompt_ids(text) for text in (*chain.from_iterable(before), question)]
            for (_, question), before in zip(questions, befores, strict=True)
        ]
        images = [pictures_of(shown) for shown, _ in questions]
        traces = [Trace(question, (), seed) for (_, question), seed in zip(questions, seeds, strict=True)]
        plan = replace(self.settings.plan(turns=1), text=sampling or self.settings.answer_sampling())
        plan = replace(plan, system_prompt=self.settings.ask_prompt if think else "")
        return in_inference_mode(self._ask(traces, images, said, plan))

    def _generate(
        self,
        traces: Sequence[Trace],
        ids: Sequence[tuple[int, ...]],
        plan: Plan,
        draws: Sequence[Draws],
        steering: Steering,
    ) -> Iterator[RowEvent]:
        yield from follow(self._begin(traces, ids, plan, draws), plan.turns, steering)

    def _edit(
        self, trace: Trace, image: Image.Image, ids: tuple[int, ...], plan: Plan, steering: Steering
    ) -> Iterator[RowEvent]:
        with torch.inference_mode():
            system = self._system(plan)
            room = room_for(self.parts, plan, system.length + len(ids))
            states = self._states(system, plan, [trace], [SeededDraws(trace.seed)], room)
            states = self._show(states, [image])
            states = [replace(state, num_before=len(state.main.history), turn=2) for state in states]
            states = read_texts(self.parts, states, [ids], Role.PROMPT)
        rollout = Rollout(self.parts, [replace(state, turn=1) for state in states])
        yield from follow(rollout, plan.turns, steering)

    def _reflect(
        self,
        traces: Sequence[Trace],
        images: Sequence[Image.Image],
        ids: Sequence[tuple[int, ...]],
        plan: Plan,
        steering: Steering,
    ) -> Iterator[RowEvent]:
        rollout = self._begin(traces, ids, plan, [SeededDraws(trace.seed) for trace in traces])
        first, *later = plan.turns
        yield from think_of(rollout, first, steering.revise)
        rollout.give(images)
        yield from follow(rollout, later, steering)

    def _ask(
        self,
        traces: Sequence[Trace],
        images: Sequence[Sequence[Image.Image]],
        said: Sequence[Sequence[tuple[int, ...]]],
        plan: Plan,
    ) -> Iterator[tuple[int, Event]]:
        draws = [SeededDraws(trace.seed) for trace in traces]
        states = list(self._states(self._system(plan), plan, traces, draws, GROWTH))
        for place in range(max(map(len, images))):
            rows = [row for row, own in enumerate(images) if place < len(own)]
            shown = [images[row][place] for row in rows]
            after = self._show([states[row] for row in rows], shown, clean=False)
            for row, state in zip(rows, after, strict=True):
                states[row] = state
        for place in range(max(map(len, said))):
            rows = [row for row, own in enumerate(said) if place < len(own)]
            texts, role = [said[row][place] for row in rows], Role.THOUGHT if place % 2 else Role.QUESTION
            after = read_texts(self.parts, [states[row] for row in rows], texts, role)
            for row, state in zip(rows, after, strict=True):
                states[row] = state
        yield from think(self.parts, states)

    @torch.inference_mode()
    def _begin(
        self,
        traces: Sequence[Trace],
        ids: Sequence[tuple[int, ...]],
        plan: Plan,
        draws: Sequence[Draws],
    ) -> Rollout:
        system = self._system(plan)
        room = room_for(self.parts, plan, system.length + max(map(len, ids)))
        states = read_texts(self.parts, self._states(system, plan, traces, draws, room), ids, Role.PROMPT)
        return Rollout(self.parts, [replace(state, turn=0) for state in states])

    def _states(
        self, system: Strand, plan: Plan, traces: Sequence[Trace], draws: Sequence[Draws], room: int
    ) -> States:
        """Episodes in their first turn that share what was read so far, with room for so many tokens each."""
        strands = copies(system, len(draws), room, margin_for(self.parts, plan))
        num = len(system.history)
        return tuple(
            State(strand, plan, own, trace, num_before=num, turn=1)
            for strand, own, trace in zip(strands, draws, traces, strict=True)
        )

    def _system(self, plan: Plan) -> Strand:
        """What has read the system prompt, if there is one."""
        strands, parts = new_strands(self.parts.pool), self.parts
        if text := plan.prompt_before(self.settings):
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
        return [self._prompt_ids(prompt) for prompt in self._as_read(prompts)]

    def _as_read(self, prompts: Sequence[str]) -> Sequence[str]:
        """The prompts as the model reads them. Raises ValueError for what it does not take."""
        if not prompts:
            raise ValueError("no prompts: expected at least one")
        for prompt in prompts:
            self._prompt_ids(prompt)
        return prompts if self.settings.world is None else worded(prompts)

    def _prompt_ids(self, prompt: str) -> tuple[int, ...]:
        return self.settings.prompt_ids(prompt, self.parts.tokenizer)

    def _trace(self, prompt: str, seed: int, plan: Plan) -> Trace:
        system_prompt = plan.prompt_before(self.settings)
        return Trace(prompt, (), seed, system_prompt, plan.as_json(), self.identity)


def _check_number(asked: Sequence[Any], given: Sequence[Any], what: str, name: str = "prompts") -> None:
    if len(asked) != len(given):
        raise ValueError(f"{len(asked)} {name} but {len(given)} {what}")
