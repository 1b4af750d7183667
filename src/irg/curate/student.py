"""A checkpoint that draws: the student, whose pictures are image 1, or a better model that draws image 2."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any

import torch
from PIL import Image
from pydantic import Field

from irg.core.events import ImageDone, ThoughtDone
from irg.core.settings import BaseSettings
from irg.engine import SeededDraws
from irg.model.checkpoint import EMBEDDED
from irg.pipeline import Pipeline, Plan
from irg.pipeline.load import NamedCheckpoint
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.start import settled


class DrawingCheckpoint(BaseSettings):
    """Which checkpoint, and how it draws. What is None is as the checkpoint's own settings have it."""

    model: str | None = None
    """A folder or a hub id; None is the embedded model."""
    device: str | None = None
    dtype: str | None = Field(default=None, pattern="^(float32|bfloat16|float16)$")
    threads: int | None = Field(default=None, ge=1)
    """Of the CPU, per picture batch. They decide how sums are rounded, so two runs that are to agree need the
    same number."""
    batch: int = Field(default=32, ge=1)
    """Pictures drawn in step."""
    num_points: int | None = Field(default=None, ge=2)
    temperature: float | None = Field(default=None, ge=0)
    """Of thoughts."""
    plan: str | None = None
    """The plan of steps by which it improves, by its name or its file; None is that of so many turns."""


_LOADING = Lock()
"""Held while weights are loaded, so that threads that draw side by side do so once."""


@dataclass(frozen=True)
class PictureOrder:
    """A picture to draw. Without a thought the model writes its own."""

    prompt: str
    thought: str | None
    seed: int


@dataclass(frozen=True, eq=False)
class Drawing:
    """What came of an order. `capped` says that its thought was cut short."""

    thought: str
    capped: bool
    image: Image.Image


class Student:
    """Draws with a checkpoint, which it loads when it first has to. Several threads may draw at a time."""

    def __init__(self, settings: DrawingCheckpoint) -> None:
        self.settings = settings
        dtype = None if settings.dtype is None else getattr(torch, settings.dtype)
        self.checkpoint = NamedCheckpoint(settings.model, settings.device, dtype)
        self._pipeline: Pipeline | None = None

    @property
    def name(self) -> str:
        return self.settings.model or EMBEDDED

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What decides on its pictures, beside seeds; fetches a checkpoint that is not here yet, and reads
        the ends of its weight files."""
        kept = {key: self.checkpoint.identity[key] for key in ("name", "fingerprint", "dtype")}
        settings = self.settings
        steps = {} if settings.plan is None else {"steps": self._steps.as_json()}
        how = {"threads": settings.threads, "batch": settings.batch, "plan": self.plan.as_json()}
        return {**kept, **how, **steps}

    @property
    def plan(self) -> Plan:
        """One turn."""
        return self.plan_of(turns=1)

    def plan_of(self, turns: int) -> Plan:
        """So many turns with thoughts."""
        plan, settings = self.checkpoint.settings.plan(turns=turns), self.settings
        if settings.num_points is not None:
            points = settings.num_points
            plan = replace(plan, turns=tuple(replace(turn, num_points=points) for turn in plan.turns))
        if settings.temperature is not None:
            plan = replace(plan, text=replace(plan.text, temperature=settings.temperature))
        return plan

    @cached_property
    def _steps(self) -> StepPlan:
        settings = self.settings
        plan = settled(settings.plan or "", self.checkpoint.settings)
        return plan.with_drawing(settings.num_points).with_text(settings.temperature)

    @property
    def pipeline(self) -> Pipeline:
        with _LOADING:
            if self._pipeline is None:
                if self.settings.threads is not None:
                    torch.set_num_threads(self.settings.threads)
                self._pipeline = self.checkpoint.load()
            return self._pipeline

    def problem(self, prompt: str, thought: str | None) -> str | None:
        """Why the model cannot draw this, in words; None if it can."""
        limit = self.checkpoint.settings.max_prompt_tokens
        if (length := len(self.checkpoint.tokenizer.encode(prompt))) > limit:
            return f"the prompt has {length} tokens, the student takes up to {limit}"
        limit = self.checkpoint.settings.max_thought_tokens
        if thought is not None and (length := len(self.checkpoint.tokenizer.encode(thought))) > limit:
            return f"the thought has {length} tokens, the student takes up to {limit}"
        return None

    def draw(self, orders: Sequence[PictureOrder]) -> list[Drawing]:
        """A picture for each order, in batches: those with a thought together, and those without."""
        drawings: dict[int, Drawing] = {}
        for given in (True, False):
            places = [place for place, order in enumerate(orders) if (order.thought is not None) is given]
            for start in range(0, len(places), self.settings.batch):
                batch = places[start : start + self.settings.batch]
                drawn = self._draw([orders[place] for place in batch])
                drawings.update(zip(batch, drawn, strict=True))
        return [drawings[place] for place in range(len(orders))]

    def improve(self, orders: Sequence[PictureOrder], turns: int) -> list[Image.Image | None]:
        """The last picture of an episode for each order's prompt, with its own thoughts: of so many turns, or
        by the plan of steps, of which there may be none."""
        images: list[Image.Image | None] = []
        plan = self.plan_of(turns) if self.settings.plan is None else self._steps
        for start in range(0, len(orders), self.settings.batch):
            batch = orders[start : start + self.settings.batch]
            last: dict[int, Image.Image] = {}
            prompts, seeds = [order.prompt for order in batch], [order.seed for order in batch]
            for row, event in self.pipeline.generate_batch(prompts, plan, seeds):
                if isinstance(event, ImageDone):
                    last[row] = event.image
            images += [last.get(row) for row in range(len(batch))]
        return images

    def retire(self) -> None:
        """Let go of the weights."""
        self._pipeline = None

    def _draw(self, orders: Sequence[PictureOrder]) -> list[Drawing]:
        plan, given = self.plan, [order.thought for order in orders if order.thought is not None]
        draws = [SeededDraws(order.seed) for order in orders]
        rollout = self.pipeline.rollout([order.prompt for order in orders], plan, draws)
        thoughts, images = dict[int, ThoughtDone](), dict[int, Image.Image]()
        for row, event in rollout.turn(plan.turns[0], given or None):
            if isinstance(event, ThoughtDone):
                thoughts[row] = event
            elif isinstance(event, ImageDone):
                images[row] = event.image
        return [Drawing(thoughts[row].text, thoughts[row].capped, images[row]) for row in range(len(orders))]
