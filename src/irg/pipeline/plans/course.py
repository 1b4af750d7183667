"""The course of one episode by a plan: what comes next, and what it reads, without a model.

A course is a value. Whoever runs it, or only pretends to, tells it what was written (`wrote`) and drawn
(`drew`), and gets the course after that.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from PIL import Image

from irg.core import Kind
from irg.pipeline.plans.context import Entries, EpisodeContent, Given, Made
from irg.pipeline.plans.pieces import EmptyAt, Pieces, Without, filled
from irg.pipeline.plans.plan_file import StepPlan
from irg.pipeline.plans.steps import DrawStep, Meaning, Step, WriteStep
from irg.pipeline.plans.texts import means, read_text, says_right


class Ending(StrEnum):
    """Why an episode has come to its end."""

    FINISHED = "finished"
    STOPPED = "stopped"
    """A text said so."""
    MALFORMED = "malformed"
    """A text was not in order."""


@dataclass(frozen=True)
class DrawContexts:
    """What a drawing reads: all, and what the branches of guidance keep; None where there is none."""

    main: Entries
    text: Entries | None
    image: Entries | None
    skipped: int = 0
    """Of an empty text branch: positions are as if so many entries of `main` had been read."""


@dataclass(frozen=True, eq=False)
class PlanCourse:
    """An episode on its way."""

    plan: StepPlan
    given: Given
    made: tuple[Made, ...] = ()
    number: int = 0
    """Of the pass of `repeat`; 0 while `first` is run."""
    index: int = 0
    """Of the step in its phase."""
    draws: bool = True
    """Whether pictures are drawn until the next text."""
    asked: int = 1
    """How often this text was asked for, with this time."""
    attempt: int = 0
    ending: Ending | None = None

    @classmethod
    def begun(cls, plan: StepPlan, given: Given) -> "PlanCourse":
        plan.check_inputs(len(given.inputs))
        return cls(plan, given)._settled()

    @property
    def content(self) -> EpisodeContent:
        return EpisodeContent(self.given, self.made, self.number, self.attempt)

    @property
    def turn(self) -> int:
        """Of the next picture."""
        return self.content.turn

    @property
    def step(self) -> Step | None:
        """What is to be done next; None at the end."""
        return None if self.ending else self._steps[self.index]

    @property
    def entries(self) -> Entries:
        """What the next step reads."""
        assert self.step is not None
        return self.content.read(self.step.reads)

    @property
    def contexts(self) -> DrawContexts:
        """What the next step, which draws, and its branches read."""
        step = self.step
        assert isinstance(step, DrawStep)
        main = self.content.read(step.reads)
        image = self._branch(step.image_branch, main, step.reads)
        if isinstance(step.text_branch, EmptyAt):
            return DrawContexts(main, (), image, skipped=len(self.content.read(step.text_branch.empty_at)))
        return DrawContexts(main, self._branch(step.text_branch, main, step.reads), image)

    @property
    def prefix(self) -> str:
        """The given beginning of the next text."""
        assert isinstance(self.step, WriteStep)
        return filled(self.step.prefix, self.content.values)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is drawn next."""
        if self.plan.size == "input" and self.given.inputs:
            return self.given.inputs[-1].size
        return self.plan.size if isinstance(self.plan.size, tuple) else self.given.size

    @property
    def why(self) -> str:
        """Why it has ended, in words."""
        last = next((one.text for one in reversed(self.made) if one.text is not None), None)
        fault = f": {last.fault}" if self.ending is Ending.MALFORMED and last and last.fault else ""
        return f"{self.ending or ''}{fault}"

    def wrote(self, text: str, capped: bool = False) -> "PlanCourse":
        """After the next step wrote a text."""
        step = self.step
        assert isinstance(step, WriteStep)
        read = read_text(step, text, self.given.prompt, self.number)
        after = self._with(Made(step.write, self.number, self.turn, read, capped=capped))
        if read.fault is not None and step.malformed != "draw":
            if step.malformed == "stop":
                return after._ended(Ending.MALFORMED)
            return replace(after, draws=False)._next()
        if self._stops(step, read.whole):
            if self.asked < step.votes:
                return replace(self, asked=self.asked + 1)
            return after._ended(Ending.STOPPED)
        draws = step.draw_if == "always" or means(step.draw_if, read.whole, self.given.world)
        return replace(after, draws=draws)._next()

    def told(self, text: str) -> "PlanCourse":
        """After a person said the next text: whatever it would mean of a model, what follows it is drawn."""
        step = self.step
        assert isinstance(step, WriteStep)
        read = read_text(step, text, self.given.prompt, self.number)
        after = self._with(Made(step.write, self.number, self.turn, read))
        return replace(after, draws=True)._next()

    def drew(self, image: Image.Image) -> "PlanCourse":
        """After the next step drew a picture."""
        step = self.step
        assert isinstance(step, DrawStep)
        return self._with(Made(step.draw, self.number, self.turn, image=image))._next()

    def going_on(self, plan: StepPlan) -> "PlanCourse":
        """On by the same plan for more passes of `repeat`, where it had come to its end."""
        return replace(self, plan=plan, ending=None, asked=1)._settled()

    @property
    def _steps(self) -> tuple[Step, ...]:
        steps = self.plan.repeat if self.number else self.plan.first
        return steps[:1] if self.number > (self.plan.max_repeats or 0) else steps

    def _with(self, made: Made) -> "PlanCourse":
        return replace(self, made=(*self.made, made))

    def _stops(self, step: WriteStep, text: str) -> bool:
        world = self.given.world
        if isinstance(step.stop_if, Meaning) and means(step.stop_if, text, world):
            return True
        texts = (one for one in self.plan.repeat if isinstance(one, WriteStep))
        reflects = self.number > 0 and step is next(texts, None)
        return self.plan.stop_when_right and reflects and says_right(text, world)

    def _next(self) -> "PlanCourse":
        return replace(self, index=self.index + 1, asked=1)._settled()

    def _settled(self) -> "PlanCourse":
        """Where the next step is that is to be done, or the end."""
        now, plan = self, self.plan
        last = (plan.max_repeats or 0) + plan.closing_write if plan.repeat else 0
        while True:
            steps = now._steps if now.number <= last else ()
            if now.index < len(steps):
                if now.draws or isinstance(steps[now.index], WriteStep):
                    return now
                now = replace(now, index=now.index + 1)
            elif now.number < last:
                now = replace(now, number=now.number + 1, index=0, draws=True)
            else:
                return now._ended(Ending.FINISHED)

    def _ended(self, ending: Ending) -> "PlanCourse":
        retry, has_image = self.plan.retry, any(one.image is not None for one in self.made)
        if retry is None or has_image or self.attempt + 1 >= retry.attempts:
            return replace(self, ending=ending)
        return PlanCourse(self.plan, self.given, attempt=self.attempt + 1)._settled()

    def _branch(self, branch: Pieces | Without | str, main: Entries, reads: Pieces) -> Entries | None:
        if branch == "none":
            return None
        if branch == "texts":
            return tuple(entry for entry in main if entry.kind is Kind.TEXT)
        if isinstance(branch, Without):
            return self.content.read(branch.left_of(reads))
        return () if isinstance(branch, str) else self.content.read(branch)
