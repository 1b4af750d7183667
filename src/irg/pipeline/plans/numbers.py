"""The numbers of a plan's steps, with what they leave open as the checkpoint's settings have it."""

from dataclasses import asdict, astuple
from typing import Any

from irg.engine import Guidance, Saving, Solver, TextSampling
from irg.pipeline.plans.course import PlanCourse
from irg.pipeline.plans.plan_file import StepPlan
from irg.pipeline.plans.steps import DrawNumbers, DrawStep, Step, WriteNumbers, WriteStep
from irg.pipeline.settings import Plan, Settings, TurnPlan
from irg.prep import Resize

_GUIDANCE = ("text_scale", "image_scale", "interval", "renorm", "renorm_min")


def resized(plan: StepPlan, settings: Settings) -> Settings:
    """The settings with the plan's own ways to resize pictures."""
    sizes = {"clean": plan.resize.clean, "view": plan.resize.view}
    return settings.model_copy(update={name: Resize(*size) for name, size in sizes.items() if size})


def turn_plan(step: DrawStep, plan: StepPlan, settings: Settings) -> TurnPlan:
    """How a step draws."""

    def number(name: str, otherwise: Any = None) -> Any:
        own, default = getattr(step, name), getattr(plan.draw_defaults, name)
        return otherwise if own is None and default is None else default if own is None else own

    named = number("guidance")
    guidance: Guidance = getattr(settings, named) if named else Guidance()
    told = {name: number(name, getattr(guidance, name)) for name in _GUIDANCE}
    saving = Saving(number("every", 1), number("solver", Solver.EULER), number("reuse", 0.0))
    points, shift = number("points", settings.num_points), number("shift", settings.shift)
    return TurnPlan(True, Guidance(**told), points, shift, saving=saving)


def sampling(step: WriteStep, plan: StepPlan, settings: Settings, attempt: int = 0) -> TextSampling:
    """How a step writes, in an attempt, counted from 0."""
    usual, retry = settings.text_sampling(), plan.retry

    def number(name: str) -> Any:
        given = (getattr(step, name), getattr(plan.write_defaults, name), getattr(usual, name))
        return next(one for one in given if one is not None)

    temperature, max_tokens = number("temperature"), number("max_tokens")
    if retry is not None and attempt:
        warmer = temperature + retry.temperature_step * attempt
        temperature = max(temperature, min(retry.temperature_max, warmer))
        max_tokens = min(max_tokens, retry.max_tokens or max_tokens)
    return TextSampling(temperature, number("top_p"), max_tokens, number("lookup"))


def written_out(plan: StepPlan, settings: Settings) -> StepPlan:
    """The plan with every number that it leaves to the checkpoint: it says the same for any other."""

    def told(step: Step) -> Step:
        if not isinstance(step, DrawStep):
            return step.changed_by(asdict(sampling(step, plan, settings)))
        turn = turn_plan(step, plan, settings)
        numbers = {"points": turn.num_points, "shift": turn.shift, **asdict(turn.saving)}
        return step.changed_by({"guidance": None, **numbers, **asdict(turn.guidance)})

    sizes = {"clean": astuple(settings.clean), "view": astuple(settings.view)}
    resize = plan.resize.model_dump()
    return plan.changed(
        first=tuple(map(told, plan.first)),
        repeat=tuple(map(told, plan.repeat)),
        write_defaults=WriteNumbers(),
        draw_defaults=DrawNumbers(),
        resize={**resize, **{name: resize[name] or size for name, size in sizes.items()}},
        size=(settings.width, settings.height) if plan.size == "checkpoint" else plan.size,
    )


def as_drawn(course: PlanCourse, settings: Settings) -> Plan:
    """What the next step asks of an episode's state: the size, how texts are written, and previews."""
    step = course.step
    draws = step if isinstance(step, DrawStep) else DrawStep(draw="I", reads=("prompt",))
    text = settings.text_sampling()
    if isinstance(step, WriteStep):
        text = sampling(step, course.plan, settings, course.attempt)
    numbers = turn_plan(draws, course.plan, settings)
    return Plan((numbers,), *course.size, text, course.plan.preview_every)


def check_sizes(plan: StepPlan, settings: Settings) -> tuple[int, int]:
    """The size of pictures where none is given. Raises ValueError for numbers of steps that cannot be."""
    for step in plan.steps:
        if isinstance(step, DrawStep):
            turn_plan(step, plan, settings)
    return plan.size if isinstance(plan.size, tuple) else (settings.width, settings.height)
