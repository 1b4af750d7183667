"""What `irg generate` was asked for, and the drawing of one episode of it."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from irg.cli.options import ModelChoice, Overrides
from irg.cli.output import EpisodeFolder

if TYPE_CHECKING:
    from irg.core.trace import Trace
    from irg.pipeline import Pipeline, Plan, Settings


@dataclass(frozen=True)
class Order:
    """Everything but the prompts, before anything is loaded."""

    model: ModelChoice
    overrides: Overrides
    turns: int
    think: bool
    size: tuple[int | None, int | None]
    force: bool
    console: Console

    def plan(self, settings: "Settings") -> "Plan":
        return self.overrides.apply(settings.plan(self.turns, self.think, *self.size))

    def load(self, prompts: Seq[str]) -> "Pipeline":
        """Load the model, after a look at all that can be found wrong without it."""
        from irg.cli.scenes import request_of

        settings = self.model.settings()
        self.model.check(self.plan(settings))
        for prompt in prompts:
            request_of(prompt, settings, self.force)
        return self.model.load(self.console)


def draw(order: Order, pipeline: "Pipeline", prompt: str, seed: int, folder: EpisodeFolder) -> "Trace":
    """Draw and save one episode."""
    from irg.cli.episode import record
    from irg.cli.scenes import request_of, verdict

    request = request_of(prompt, pipeline.settings, order.force)
    events = pipeline.generate(prompt, order.plan(pipeline.settings), seed)
    return record(events, folder, lambda image: verdict(request, image), order.console)
