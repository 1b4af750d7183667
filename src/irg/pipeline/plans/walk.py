"""Walking through a plan without a model: given texts stand for what would be written, blank pictures for
what would be drawn. It shows what each step reads."""

from collections.abc import Sequence

from PIL import Image

from irg.pipeline.plans.context import ContextEntry, Given
from irg.pipeline.plans.course import DrawContexts, PlanCourse
from irg.pipeline.plans.plan_file import StepPlan
from irg.pipeline.plans.steps import DrawStep

_BLANK = (16, 16)


def walked(
    plan: StepPlan, texts: Sequence[str], inputs: int | None = None, world: str | None = None
) -> list[str]:
    """A line for each step, until the plan ends or there are no more texts.

    `S` is the system prompt, `P` the prompt, a picture is CLEAN(...) or VIEW(...), and what was made in the
    passes of `repeat` has their number: `write R2 < S P T CLEAN(I) VIEW(I) R1`. Of a picture the branches of
    guidance are shown too; `=` is one that is all that is read. `inputs` are so many given pictures; by
    default one, if the plan reads any.
    """
    count = int(plan.reads_input) if inputs is None else inputs
    systems = {
        name: "system" for name, system in {"": plan.system, **plan.systems}.items() if system != "none"
    }
    given = Given("prompt", systems, (Image.new("RGB", _BLANK),) * count, size=_BLANK, world=world)
    course, left, lines = PlanCourse.begun(plan, given), list(texts), []
    while (step := course.step) is not None:
        name = f"{step.draw if isinstance(step, DrawStep) else step.write}{course.number or ''}"
        if isinstance(step, DrawStep):
            lines.append(f"draw {name} < {_drawn(course.contexts)}")
            course = course.drew(Image.new("RGB", course.size))
            continue
        lines.append(f"write {name} < {_listed(course.entries)}")
        if not left:
            return [*lines, "... waits for a text"]
        course = course.wrote(left.pop(0))
    assert course.ending is not None
    return [*lines, str(course.ending)]


def _drawn(contexts: DrawContexts) -> str:
    text = _branch(contexts.text, contexts)
    if contexts.skipped:
        text = f"nothing, after {_listed(contexts.main[: contexts.skipped])}"
    return f"{_listed(contexts.main)} | text: {text} | image: {_branch(contexts.image, contexts)}"


def _branch(entries: tuple[ContextEntry, ...] | None, contexts: DrawContexts) -> str:
    if entries is None:
        return "none"
    return "=" if entries == contexts.main else _listed(entries) or "nothing"


def _listed(entries: Sequence[ContextEntry]) -> str:
    return " ".join(map(str, entries))
