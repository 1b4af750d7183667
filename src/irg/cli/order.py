"""What `irg generate` was asked for, and the drawing of one episode of it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from irg.cli.by_plan import PlanChoice
from irg.cli.options import ModelChoice, Overrides, Telling, drawing_option
from irg.cli.output import EpisodeFolder

if TYPE_CHECKING:
    from irg.cli.episode import Judge
    from irg.core.trace import Trace
    from irg.pipeline import Pipeline, Plan, Settings
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
    force: Annotated[bool, drawing_option("Draw what is outside the model's world.", "--force")] = False
    by_plan: PlanChoice
    overrides: Overrides
    telling: Telling
    choice: ModelChoice

    def plan(self, settings: "Settings") -> "Plan | StepPlan":
        if (steps := self.by_plan.steps(settings, self.turns)) is not None:
            if self.think is not None:
                raise ValueError("--think or --no-think beside a plan of steps, which says what is written")
            return self.overrides.apply(steps.with_size(self.width, self.height))
        plan = settings.plan(self.turns, self.think, self.width, self.height)
        return self.overrides.apply(self.by_plan.with_stop(plan, settings))

    def deciding(self) -> list[Any]:
        return self.choice.deciding(self.plan(self.choice.checkpoint.settings))

    def load(self, prompts: Sequence[str], episodes: int = 1) -> "Pipeline":
        """Load the model, after a look at all that can be found wrong without it; so many `episodes` it is to
        draw, and it is said beforehand if a CPU will take long for them."""
        self.check()
        for prompt in prompts:
            self.check_prompt(prompt)
        self._tell_duration(episodes)
        from irg.pipeline.scenes import OutsideWorldWarning

        warnings.simplefilter("ignore", OutsideWorldWarning)  # it is told already
        return self.choice.load(self.telling.console)

    def _tell_duration(self, episodes: int) -> None:
        from irg.cli.duration import told

        checkpoint = self.choice.checkpoint
        if checkpoint.torch_device.type != "cpu":
            return
        plan, config = self.plan(checkpoint.settings), checkpoint.folder.config
        if line := told(plan, config, checkpoint.torch_dtype, episodes):
            self.telling.console.print(line, style="yellow", markup=False, soft_wrap=True)

    def check(self) -> None:
        """Raise ValueError for a plan or a device that loading the weights would only delay."""
        plan = self.plan(self.choice.checkpoint.settings)
        self.by_plan.check_pictures(plan, num_given=0)
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


def draw(order: Order, pipeline: "Pipeline", prompt: str, seed: int, folder: EpisodeFolder) -> "Trace":
    """Draw and save one episode."""
    from irg.cli.episode import record

    events = pipeline.generate(prompt, order.plan(pipeline.settings), seed)
    return record(events, folder, order.judge(prompt), order.telling.console)
