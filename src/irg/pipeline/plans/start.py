"""The beginning of episodes by a plan: what they are given, and what they share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from irg.core import Kind, Role, Segment
from irg.core.segment import DELIMITERS
from irg.core.trace import Trace
from irg.engine import Draws, Strand, append, copies, new_strands
from irg.pipeline.plans.context import ContextEntry, Given
from irg.pipeline.plans.course import PlanCourse
from irg.pipeline.plans.episode import BEGUN, PlanEpisode
from irg.pipeline.plans.extent import PlanExtent
from irg.pipeline.plans.numbers import as_drawn, check_sizes, resized, written_out
from irg.pipeline.plans.plan_file import StepPlan
from irg.pipeline.plans.reading import read_plan
from irg.pipeline.plans.runner import PlanRun
from irg.pipeline.plans.steps import DrawStep
from irg.pipeline.plans.systems import system_texts, with_texts
from irg.pipeline.settings import Settings
from irg.pipeline.state import Parts
from irg.pipeline.steering import Steering

MOST_ROOM = 16384
"""Tokens of room that an episode gets before it needs them."""


@dataclass(frozen=True, eq=False)
class PlanOrder:
    """What is asked of one episode: the prompt as it is read, and the pictures that are given."""

    prompt: str
    pictures: tuple[Image.Image, ...]
    draws: Draws
    trace: Trace
    """Of it, without turns."""


def settled(plan: StepPlan | str | Path, settings: Settings, fetches: bool = True) -> StepPlan:
    """A plan, or the one of this name or file, with the texts of its system prompts, and the numbers that it
    leaves to the checkpoint: what a trace keeps of it. Raises ValueError, also for a text that would have to
    be fetched where nothing is."""
    plan = plan if isinstance(plan, StepPlan) else read_plan(plan)
    return written_out(with_texts(plan, system_texts(plan, settings.system_prompt, fetches)), settings)


def system_prompt_of(plan: StepPlan, settings: Settings) -> str:
    """What a trace says of the system prompts of a plan: the one there is, or all of them together."""
    return "\n\n".join(system_texts(plan, settings.system_prompt).values())


def begin(parts: Parts, plan: StepPlan, orders: Sequence[PlanOrder], steering: Steering) -> PlanRun:
    """Episodes of a settled plan that have read nothing yet but a system prompt that all begin with. Raises
    ValueError for pictures that the plan does not read, or lacks, and for sizes that cannot be drawn."""
    parts = replace(parts, settings=resized(plan, parts.settings))
    settings, texts = parts.settings, system_texts(plan, parts.settings.system_prompt)
    size = check_sizes(plan, settings)
    courses = [PlanCourse.begun(plan, _given(order, plan, texts, size, settings)) for order in orders]
    for course in courses:
        as_drawn(course, settings).grid(parts.model.config)
    (segments, strands) = _shared(parts, courses)
    episodes = [
        PlanEpisode(course, order.draws, order.trace, segments, {BEGUN: strand})
        for course, order, strand in zip(courses, orders, strands, strict=True)
    ]
    return PlanRun(parts, episodes, steering)


def _given(
    order: PlanOrder, plan: StepPlan, texts: dict[str, str], size: tuple[int, int], settings: Settings
) -> Given:
    inputs = tuple(settings.clean(picture) for picture in order.pictures)
    looks = order.pictures if plan.resize.view_of == "picture" else ()
    return Given(order.prompt, texts, inputs, looks, size, settings.world)


@torch.inference_mode()
def _shared(
    parts: Parts, courses: Sequence[PlanCourse]
) -> tuple[dict[ContextEntry, Segment], tuple[Strand, ...]]:
    """What all begin with: segments and strands of a system prompt, if their first step begins with one."""
    room, margin = (max(of(parts, course) for course in courses) for of in (_room, _margin))
    first = courses[0].contexts.main if isinstance(courses[0].step, DrawStep) else courses[0].entries
    if not first:
        raise ValueError("the first step of the plan reads nothing")
    if first[0].role is not Role.SYSTEM:
        return {}, new_strands(parts.pool, len(courses), room, margin)
    segment = Segment(Kind.TEXT, Role.SYSTEM, parts.tokenizer.encode(first[0].text))
    (strand,) = append(parts.model, new_strands(parts.pool), [(segment,)], parts.special)
    return {first[0]: segment}, copies(strand, len(courses), room, margin)


def _margin(parts: Parts, course: PlanCourse) -> int:
    """Tokens of a picture that is also drawn behind a beginning, as a text branch mostly is."""
    is_guided = any(isinstance(step, DrawStep) and step.text_branch != "none" for step in course.plan.steps)
    grid = as_drawn(course, parts.settings).grid(parts.model.config)
    return grid.num_tokens + DELIMITERS if is_guided else 0


def _room(parts: Parts, course: PlanCourse) -> int:
    """Tokens that the longest context of an episode may have: as many as are given to it beforehand."""
    given, inputs = course.given, [one.size for one in course.given.inputs]
    extent = PlanExtent(
        course.plan,
        parts.settings,
        parts.model.config,
        parts.tokenizer,
        given.prompt,
        given.systems,
        inputs,
    )
    return min(extent.contexts[0], MOST_ROOM)
