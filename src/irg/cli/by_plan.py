"""Options that say by which plan of steps an episode goes."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from irg.cli.options import drawing_option
from irg.terminal import err

if TYPE_CHECKING:
    from irg.pipeline import Plan, Settings
    from irg.pipeline.plans import StepPlan


@dataclass(frozen=True)
class PlanChoice:
    """A plan of steps, and whether an episode ends where a reflection finds nothing wrong."""

    plan_name: Annotated[
        str | None,
        drawing_option(
            "The plan to go by: one that irg plan list has, or a file. --turns sets its rounds. Default: the "
            "checkpoint's; irg ask goes by none unless it is told to.",
            "--plan",
            metavar="NAME|FILE",
        ),
    ] = None
    stop_when_right: Annotated[
        bool | None,
        drawing_option(
            "End where a reflection says that nothing is wrong, or cannot be read, and keep the picture. "
            "Default: as the plan says; without one, no.",
            "--stop-when-right/--no-stop-when-right",
        ),
    ] = None

    def steps(self, settings: "Settings", turns: int | None = None) -> "StepPlan | None":
        """The plan of steps that was chosen, or that the checkpoint follows, for so many pictures; None where
        there is none. Raises ValueError."""
        from irg.pipeline.plans.start import settled
        from irg.pipeline.plans.systems import PinnedPromptWarning

        name = self.plan_name or settings.follows
        if name is None:
            return None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", PinnedPromptWarning)
            plan = settled(name, settings)
        for one in told:
            err.print(str(one.message), style="yellow", markup=False, soft_wrap=True)
        plan = plan if turns is None else plan.with_turns(turns)
        stops = self.stop_when_right
        return plan if stops is None else plan.changed(stop_when_right=stops)

    def check_pictures(self, plan: "Plan | StepPlan", num_given: int) -> None:
        """Raise ValueError for pictures that are given and not read, or lack."""
        from irg.pipeline.plans import StepPlan

        if isinstance(plan, StepPlan):
            plan.check_inputs(num_given)

    def with_stop(self, plan: "Plan", settings: "Settings") -> "Plan | StepPlan":
        """A plan of turns, as steps if it is to end where nothing is wrong."""
        from irg.pipeline.plans.convert import steps_of

        return steps_of(plan, settings, stop_when_right=True) if self.stop_when_right else plan
