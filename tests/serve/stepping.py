"""A scheduler stepped by hand: what it told each request."""

from dataclasses import dataclass, field, replace

import numpy as np

from irg.core.events import ImageDone, ThoughtDone
from irg.engine import SlotPool
from irg.pipeline import Pipeline, Plan
from irg.serve.course import Beginning, Episode, Wanted, program
from irg.serve.scheduler import Application, Scheduler, Told


@dataclass
class Stepped:
    """A scheduler of a pipeline, and what was told."""

    pipeline: Pipeline
    budget: int = 1 << 40
    most: int = 32
    told: dict[str, list[Told]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A pool of its own, in which nobody else holds anything.
        self.parts = replace(self.pipeline.parts, pool=SlotPool(self.pipeline.parts.model))
        self.scheduler = Scheduler(self.parts, self.budget, self.most, self._take)

    def _take(self, ticket: str, told: Told) -> None:
        self.told.setdefault(ticket, []).append(told)

    def ask(
        self, ticket: str, wanted: Wanted, owner: str = "", footprint: int = 1, alone: bool = False
    ) -> None:
        parts = self.parts
        self.scheduler.submit(Application(ticket, owner, lambda: program(parts, wanted), footprint, alone))

    def run(self, most: int = 500) -> None:
        """Until nobody is left."""
        for _ in range(most):
            if self.scheduler.is_idle:
                return
            self.scheduler.step()
        raise AssertionError("it never ended")

    @property
    def num_held(self) -> int:
        """Slots that somebody holds."""
        return sum(slab.num_rows - sum(slab.is_free) for slab in self.parts.pool)

    def texts(self, ticket: str) -> list[str]:
        return [one.text for one in self.told[ticket] if isinstance(one, ThoughtDone)]

    def pictures(self, ticket: str) -> list[np.ndarray]:
        return [np.asarray(one.image, np.int16) for one in self.told[ticket] if isinstance(one, ImageDone)]

    def end(self, ticket: str) -> Told:
        return self.told[ticket][-1]


def episode(prompt: str, plan: Plan, pipeline: Pipeline, seed: int = 0) -> Episode:
    """What `Pipeline.generate` draws of a prompt."""
    system = plan.prompt_before(pipeline.settings)
    return Episode(plan, seed, Beginning(prompt, (), system), room=256)
