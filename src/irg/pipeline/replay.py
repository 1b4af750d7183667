"""Traces made again: what it takes of a saved trace, and whether the model is the one that made it."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from irg.core.settings import checked
from irg.core.trace import Trace
from irg.pipeline.plans import StepPlan
from irg.pipeline.settings import Plan, Settings
from irg.pipeline.steering import Steering

IDENTITY = ("fingerprint", "dtype", "weights")
"""What makes a model the same, wherever its folder lies."""
_TOLD = (*IDENTITY, "device", "torch")
"""What pictures come to other bytes by."""


class OtherModelWarning(UserWarning):
    """A trace is made again by another model than its own, or elsewhere: it may come to something else."""


def warn_of_other_model(trace: Trace, identity: Mapping[str, Any]) -> None:
    """Warn where the trace says that it was made by something else than this."""
    others = [
        f"{name} {trace.model.get(name, 'none')}, here {identity.get(name, 'none')}"
        for name in _TOLD
        if trace.model.get(name) != identity.get(name)
    ]
    if others:
        message = f"the trace was made with {'; '.join(others)}: its pictures may come out differently"
        warnings.warn(message, OtherModelWarning, stacklevel=3)


def plan_of(trace: Trace, settings: Settings) -> Plan:
    """The plan by which the trace was made. Raises ValueError for a trace that no pipeline made."""
    if not trace.turns:
        raise ValueError("the trace has no turns to make again")
    plan = Plan.from_json(trace.settings)
    if trace.system_prompt != plan.prompt_before(settings):
        plan = replace(plan, system_prompt=trace.system_prompt)
    return plan


def step_plan_of(trace: Trace) -> StepPlan | None:
    """The plan of steps by which the trace was made, if it was one. Raises ValueError for a broken one."""
    if "plan" not in trace.settings:
        return None
    return checked(StepPlan, trace.settings, "the settings of a trace")


def steering_of(trace: Trace) -> Steering:
    """What has the episode come to what the trace tells of: the texts that somebody changed, and its end."""

    def revise(begun: Trace, text: str) -> str:
        turn = trace.turns[len(begun.turns)]
        return turn.thought if turn.revised and turn.thought is not None else text

    return Steering(
        revise if any(turn.revised for turn in trace.turns) else None,
        lambda so_far: len(so_far.turns) >= len(trace.turns),
    )
