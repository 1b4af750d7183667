"""From what was asked to an episode of a plan of steps, which says itself what is read, written and drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from irg.pipeline import Settings
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.extent import PlanExtent
from irg.pipeline.plans.numbers import check_sizes, resized, sampling
from irg.pipeline.plans.steps import DrawStep, WriteStep
from irg.pipeline.plans.systems import system_texts
from irg.prep import Tokenizer
from irg.serve.asked import Asked, Contents, Manner, heeded, num_tokens, worded
from irg.serve.fields import GuidanceFields
from irg.serve.history import PlanHistory
from irg.serve.limits import Outline
from irg.serve.memory import Sizes
from irg.serve.planned import PlanBeginning, PlannedEpisode, PlanResumption
from irg.serve.refusals import invalid
from irg.serve.service import EngineRequest


@dataclass(frozen=True)
class PlanAsker:
    """Knows the model that is asked, without having loaded it."""

    sizes: Sizes
    tokenizer: Tokenizer

    @property
    def settings(self) -> Settings:
        return self.sizes.settings

    def episode(self, plan: StepPlan, contents: Contents, manner: Manner, owner: str, keeps: bool) -> Asked:
        """What is to be made of a text, and of pictures where the plan reads them. Raises Refused."""
        pictures, settings = contents.pictures, self.settings
        if len(contents.texts) != 1:
            told = f"{len(contents.texts)} texts: a plan of steps reads one, the prompt, and pictures"
            raise invalid(told, "prompt")
        prompt, notes = contents.texts[0], ()
        if settings.world is not None and not pictures:
            prompt, notes = worded(prompt)
        if contents.system is not None:
            plan = plan.with_system_prompt(contents.system)
        plan = self._changed(plan, manner, manner.drawing.turns)
        heeded("plan", partial(plan.check_inputs, len(pictures)))
        for text, param in ((prompt, "prompt"), (contents.system, "instructions")):
            if text:
                num_tokens(text, param, settings, self.tokenizer)
        clean = resized(plan, settings).clean
        extent = self._extent(plan, prompt, [clean.size(*one.size) for one in pictures])
        start, outline = PlanBeginning(prompt, tuple(pictures)), _outline(extent)
        return self._asked(extent, outline, start, manner, owner, keeps, bool(pictures), notes)

    def resumption(
        self, history: PlanHistory, place: int, words: str | None, manner: Manner, owner: str, keeps: bool
    ) -> Asked:
        """What is to be made on from a turn of an earlier episode, by its plan. Raises Refused."""
        start = PlanResumption(history, place, words)
        course, given = start.course, start.course.given
        done = sum(one.image is not None for one in course.made)
        plan = self._changed(course.plan, manner, done + (manner.drawing.turns or 1))
        on = course.going_on(plan)
        if words is not None and not isinstance(on.step, WriteStep):
            raise invalid("the plan draws next, and reads no words before that", "input")
        said = [len(self.tokenizer.encode(one.text.whole)) for one in course.made if one.text is not None]
        if words is not None:
            said.append(num_tokens(words, "input", self.settings, self.tokenizer))
        inputs = [one.size for one in given.inputs]
        extent = self._extent(plan, given.prompt, inputs, max(said, default=0))
        outline = _outline(extent)
        if done:
            written, num_images = extent.written_from(on.number), plan.num_images - done
            outline = replace(outline, num_images=num_images, num_written=written)
        return self._asked(extent, outline, start, manner, owner, keeps, is_edit=True)

    def _changed(self, plan: StepPlan, manner: Manner, turns: int | None) -> StepPlan:
        """The plan in the manner that is asked for. Raises Refused for what it, or the model, cannot do."""
        drawing, text, settings = manner.drawing, manner.text, self.settings
        if drawing.thinking is not None:
            raise invalid("a plan of steps says itself what is written", "thinking")
        if turns is not None:
            plan = heeded("turns", partial(plan.with_turns, turns))
        if drawing.stop_when_right:
            plan = heeded("stop_when_right", partial(plan.changed, stop_when_right=True))
        if manner.pixels is not None:
            plan = plan.with_size(*manner.pixels)
        plan = heeded("steps", partial(plan.with_drawing, steps=drawing.steps))
        if isinstance(drawing.guidance, GuidanceFields):
            plan = heeded("guidance", partial(plan.with_guidance, **drawing.guidance.model_dump()))
        elif drawing.guidance is not None:
            raise invalid("guidance for each turn: of a plan of steps it is one for all", "guidance")
        written = partial(plan.with_text, text.temperature, text.top_p, manner.max_tokens)
        plan = heeded("temperature", written)
        heeded("guidance", partial(check_sizes, plan, settings))
        heeded("size", partial(plan.grid, self.sizes.config))
        return plan

    def _extent(
        self, plan: StepPlan, prompt: str, inputs: Sequence[tuple[int, int]], said: int = 0
    ) -> PlanExtent:
        settings = self.settings
        texts = system_texts(plan, settings.system_prompt)
        return PlanExtent(plan, settings, self.sizes.config, self.tokenizer, prompt, texts, inputs, said)

    def _asked(
        self,
        extent: PlanExtent,
        outline: Outline,
        start: PlanBeginning | PlanResumption,
        manner: Manner,
        owner: str,
        keeps: bool,
        is_edit: bool,
        notes: tuple[str, ...] = (),
    ) -> Asked:
        plan, drawing = extent.plan, manner.drawing
        seed = drawing.seed if isinstance(start, PlanResumption) else drawing.seed or 0
        if manner.stops_at_thought and not _is_last_drawn_from_text(plan):
            raise invalid("the plan has no text to stop at before its last picture", "stop_at")
        what = PlannedEpisode(
            plan,
            seed,
            start,
            extent.contexts[0],
            (manner.partial_images,) * plan.num_images,
            manner.stops_at_thought,
        )
        footprint = self.sizes.plan_footprint(extent)
        wanted = EngineRequest(what, footprint, owner, drawing.deterministic, keeps)
        return Asked(wanted, outline, extent.given, is_edit, notes)


def _is_last_drawn_from_text(plan: StepPlan) -> bool:
    """Whether the step before the last picture writes."""
    steps = (*plan.first, *plan.repeat * min(plan.max_repeats or 0, 2))
    last = max((place for place, step in enumerate(steps) if isinstance(step, DrawStep)), default=0)
    return last > 0 and isinstance(steps[last - 1], WriteStep)


def _outline(extent: PlanExtent) -> Outline:
    plan, settings = extent.plan, extent.settings
    texts = [sampling(step, plan, settings) for step in plan.steps if isinstance(step, WriteStep)]
    text = texts[0] if texts else settings.text_sampling()
    return Outline(plan.num_images, *extent.size, extent.written, text)
