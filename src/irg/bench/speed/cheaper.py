"""What drawing more cheaply saves, and what it costs: a checkpoint of the scene world, its own plan, the same
prompts and seeds drawn in every way.

All that is cheaper is off unless it is asked for. A way is one change of the plan's turns; its score is that
of the last turn's pictures, and the difference from the exact drawing's that of the same prompts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from irg.bench.intervals import bootstrap_means
from irg.bench.items import Item
from irg.bench.scene.benchmark import verdict
from irg.bench.scene.items import SceneOptions, scene_items
from irg.bench.speed.clock import Clock
from irg.core.events import DenoisingStep, Done, ThoughtDone
from irg.engine import Saving, Solver
from irg.pipeline import Pipeline, Plan, TurnPlan

EXACT = "exact"


@dataclass(frozen=True)
class Cheaper:
    """What came of one way."""

    options: str
    """As they are given to `irg generate`."""
    evaluations: float
    """Of the model for a picture, the average over turns."""
    seconds: float
    """Of drawing a picture; decoding not counted."""
    right: np.ndarray
    """[N], for every prompt whether its last picture is."""

    @property
    def score(self) -> float:
        return float(self.right.mean())


def ways(plan: Plan) -> dict[str, Plan]:
    """The plan in every way that changes something of it, by the options that ask for it."""
    points = plan.turns[0].num_points
    fewer = {max(2, round((points - 1) / factor) + 1) for factor in (2, 3, 4)} - {points}
    found: dict[str, Plan] = {EXACT: plan}
    for number in sorted(fewer, reverse=True):
        found[f"--points {number}"] = _changed(plan, lambda turn, to=number: replace(turn, num_points=to))
        found[f"--points {number} --solver adams"] = _changed(
            plan,
            lambda turn, to=number: replace(turn, num_points=to, saving=Saving(solver=Solver.ADAMS)),
        )
    for every in (2, 4):
        found[f"--every {every}"] = _changed(
            plan, lambda turn, steps=every: replace(turn, saving=Saving(steps))
        )
    if any((turn.guidance.text_scale, turn.guidance.image_scale) != (1.0, 1.0) for turn in plan.turns):
        for low in (0.6, 0.8):
            found[f"--guided {low} 1"] = _changed(plan, lambda turn, low=low: _guided_above(turn, low))
    return found


def measure_cheaper(
    pipeline: Pipeline,
    options: SceneOptions,
    device: torch.device,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Cheaper]:
    """Every way over the same main prompts, the exact one first; batches of ways alternate, so that what else
    the machine does meets them alike."""
    items = scene_items(options)[: options.prompts]
    plans = ways(pipeline.settings.plan(options.turns))
    right: dict[str, list[bool]] = {name: [] for name in plans}
    seconds = dict.fromkeys(plans, 0.0)
    for start in range(0, len(items), options.batch):
        batch = items[start : start + options.batch]
        for name, plan in plans.items():
            progress(f"prompts {start + 1} to {start + len(batch)} of {len(items)}: {name}")
            verdicts, taken = _drawn(pipeline, plan, batch, Clock(device))
            right[name] += verdicts
            seconds[name] += taken
    num_pictures = len(items) * options.turns
    return [
        Cheaper(
            name,
            sum(turn.evaluations for turn in plan.turns) / len(plan.turns),
            seconds[name] / num_pictures,
            np.array(right[name], dtype=float),
        )
        for name, plan in plans.items()
    ]


def difference(exact: Cheaper, other: Cheaper) -> tuple[float, float, float]:
    """How much higher the other's score is, on the same prompts, with its 95% interval."""
    paired_N1 = (other.right - exact.right)[:, None]
    low, high = bootstrap_means(paired_N1, list(range(len(paired_N1))))
    return float(paired_N1.mean()), float(low[0]), float(high[0])


def _changed(plan: Plan, change: Callable[[TurnPlan], TurnPlan]) -> Plan:
    return replace(plan, turns=tuple(map(change, plan.turns)))


def _guided_above(turn: TurnPlan, low: float) -> TurnPlan:
    return replace(turn, guidance=replace(turn.guidance, interval=(low, 1.0)))


def _drawn(pipeline: Pipeline, plan: Plan, items: Sequence[Item], clock: Clock) -> tuple[list[bool], float]:
    """Whether each item's last picture is right, and the seconds of drawing."""
    right, seconds, started = [False] * len(items), 0.0, clock.now()
    prompts, seeds = [item.prompt for item in items], [item.seeds[0] for item in items]
    for row, event in pipeline.generate_batch(prompts, plan, seeds):
        match event:
            case ThoughtDone() if row == len(items) - 1:
                started = clock.now()
            case DenoisingStep() if row == 0 and event.index == event.total:
                seconds += clock.seconds(clock.now() - started)
            case Done(trace=trace):
                right[row] = verdict(items[row].prompt, trace.turns[-1].image).correct
    return right, seconds
