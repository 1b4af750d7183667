"""What `irg generate` was asked for, and the drawing of one episode of it."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from irg.cli.by_plan import PlanChoice
from irg.cli.options import ModelChoice, Overrides, Telling, drawing_option
from irg.cli.output import EpisodeFolder
from irg.cli.processes import Shared

if TYPE_CHECKING:
    from PIL.Image import Image

    from irg.cli.episode import Judge
    from irg.core.events import Event
    from irg.core.trace import Trace
    from irg.engine import Team
    from irg.pipeline import Pipeline, Plan, Settings
    from irg.pipeline.episode import RowEvent
    from irg.pipeline.plans import StepPlan

Pixels = Annotated[int | None, drawing_option("In pixels. Default: the checkpoint's.", metavar="N", least=1)]


@dataclass(frozen=True, kw_only=True)
class Order:
    """Everything but the prompts, before anything is loaded."""

    turns: Annotated[
        int | None,
        typer.Option(min=1, help="Images to draw, each better than the last. Default: the checkpoint's."),
    ] = None
    think: Annotated[
        bool | None,
        typer.Option(
            "--think/--no-think", help="Write a thought before each image. Default: as the checkpoint does."
        ),
    ] = None
    width: Pixels = None
    height: Pixels = None
    image: Annotated[
        Path | None,
        drawing_option(
            "Begin with this picture in the place of the first: look at it, reflect, and draw it better. The "
            "pictures have its size, and --turns counts it. To a --plan it is the input.",
            metavar="FILE",
        ),
    ] = None
    force: Annotated[bool, drawing_option("Draw what is outside the model's world.", "--force")] = False
    by_plan: PlanChoice
    parallel: Shared = None
    overrides: Overrides
    telling: Telling
    choice: ModelChoice

    @cached_property
    def picture(self) -> "Image | None":
        """The one to begin with, in RGB. Raises ImageError where it cannot be read."""
        from irg.core.reading import read_image

        return None if self.image is None else read_image(self.image)

    def plan(self, settings: "Settings") -> "Plan | StepPlan":
        width, height = self.width, self.height
        if (steps := self.by_plan.steps(settings, self.turns)) is not None:
            if self.think is not None:
                raise ValueError("--think or --no-think beside a plan of steps, which says what is written")
            return self.overrides.apply(steps.with_size(width, height))
        if self.picture is None:
            plan = settings.plan(self.turns, self.think, width, height)
            return self.overrides.apply(self.by_plan.with_stop(plan, settings))
        if self.by_plan.stop_when_right:
            raise ValueError("--stop-when-right beside --image: expected a --plan that reads pictures")
        usual = settings.clean.size(*self.picture.size)
        size = usual[0] if width is None else width, usual[1] if height is None else height
        return self.overrides.apply(settings.reflect_plan(*size, self.turns, self.think))

    @property
    def gives_first(self) -> bool:
        """Whether the first image of an episode is the given picture."""
        from irg.pipeline import Plan

        return self.picture is not None and isinstance(self.plan(self.choice.checkpoint.settings), Plan)

    def deciding(self) -> list[Any]:
        """What decides, beside words and seed, on what is drawn."""
        decided = self.choice.deciding(self.plan(self.choice.checkpoint.settings))
        if self.picture is None:
            return decided
        return [*decided, hashlib.sha256(self.picture.tobytes()).hexdigest()]

    def load(self, prompts: Sequence[str], episodes: int = 1, team: "Team | None" = None) -> "Pipeline":
        """Load the model, after a look at all that can be found wrong without it; so many `episodes` it is to
        draw, and it is said beforehand if a CPU will take long for them. `team`: as `ModelChoice.load`."""
        self.check()
        for prompt in prompts:
            self.check_prompt(prompt)
        self.tell_duration(self.plan(self.choice.checkpoint.settings), episodes)
        from irg.pipeline.scenes import OutsideWorldWarning

        warnings.simplefilter("ignore", OutsideWorldWarning)  # it is told already
        return self.choice.load(self.telling.console, team)

    def tell_duration(self, plan: "Plan | StepPlan", episodes: int = 1) -> None:
        tell_duration(self.choice, plan, self.telling.console, episodes)

    def check(self) -> None:
        """Raise ValueError for a plan or a device that loading the weights would only delay."""
        plan = self.plan(self.choice.checkpoint.settings)
        self.by_plan.check_pictures(plan, num_given=int(self.picture is not None))
        self.choice.check(plan)

    def check_prompt(self, prompt: str) -> None:
        """Raise ValueError for a prompt that the model does not take."""
        from irg.cli.scenes import request_of

        checkpoint = self.choice.checkpoint
        request_of(prompt, checkpoint.settings, self.force, say=True)
        checkpoint.settings.prompt_ids(prompt, checkpoint.tokenizer)

    def judge(self, prompt: str) -> "Judge":
        """What says of an image whether it shows what the prompt asks for."""
        from irg.cli.scenes import request_of, verdict

        request = request_of(prompt, self.choice.checkpoint.settings, self.force)
        return lambda image: verdict(request, image)


def tell_duration(choice: ModelChoice, plan: "Plan | StepPlan", console: Console, episodes: int = 1) -> None:
    """Say how long it will take, where a CPU takes long."""
    from irg.cli.duration import told

    checkpoint = choice.checkpoint
    if checkpoint.torch_device.type != "cpu":
        return
    if line := told(plan, checkpoint.folder.config, checkpoint.torch_dtype, episodes):
        console.print(line, style="yellow", markup=False, soft_wrap=True)


def draw(order: Order, pipeline: "Pipeline", prompt: str, seed: int, folder: EpisodeFolder) -> "Trace":
    """Draw and save one episode."""
    from irg.cli.episode import record

    events, judge = _events(order, pipeline, prompt, seed), order.judge(prompt)
    return record(events, folder, judge, order.telling.console, order.gives_first)


def follow(order: Order, team: "Team", prompt: str, seed: int) -> None:
    """Draw what another process of the team draws and keeps."""
    for _ in _events(order, order.load([prompt], team=team), prompt, seed):
        pass


def _events(order: Order, pipeline: "Pipeline", prompt: str, seed: int) -> "Iterator[Event]":
    return (event for _, event in events_of(order, pipeline, [prompt], [seed]))


def events_of(
    order: Order, pipeline: "Pipeline", prompts: Sequence[str], seeds: Sequence[int]
) -> "Iterator[RowEvent]":
    """Episodes of an order, drawn together; all begin with its picture, if it has one."""
    from irg.pipeline import Plan

    plan, picture = order.plan(pipeline.settings), order.picture
    if picture is None:
        return pipeline.generate_batch(prompts, plan, seeds)
    pictures = [picture] * len(prompts)
    if isinstance(plan, Plan):
        return pipeline.reflect_batch(pictures, prompts, plan, seeds)
    return pipeline.planned(plan, prompts, pictures, seeds).follow()
