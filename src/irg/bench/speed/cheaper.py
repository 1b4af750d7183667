"""What drawing more cheaply saves, and what it costs: a checkpoint of the scene world, its own plan, the same
prompts and seeds drawn in every way.

All that is cheaper is off unless it is asked for. A way is one change of the plan's turns, or of how weights
are held; its score is that of the last turn's pictures, and the difference from the exact drawing's that of
the same prompts. Products in float8 are computed on CPUs too, but only newer GPUs do so quickly; older ones
do not compute them.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from irg.bench.intervals import bootstrap_means
from irg.bench.items import Item
from irg.bench.scene.benchmark import verdict
from irg.bench.scene.items import SceneOptions, scene_items
from irg.bench.speed.clock import Clock
from irg.core.events import DenoisingStep
from irg.engine import Saving, SeededDraws, Solver
from irg.model.float8 import check_float8
from irg.model.low_bit import Quantize, quantize
from irg.pipeline import Pipeline, Plan, TurnPlan

EXACT = "exact"
WEIGHTS = (Quantize.INT8, Quantize.FP8_MATMUL)
MOST_LOST = 0.01
"""Of the score, for what is the best way: one point of a hundred."""


@dataclass(frozen=True)
class Cheaper:
    """What came of one way."""

    options: str
    """As they are given to `irg generate`."""
    evaluations: float
    """Of the model for a picture, the average over all."""
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
    savings = {f"--every {every}": Saving(every) for every in (2, 4)}
    savings |= {f"--reuse {change}": Saving(reuse=change) for change in (0.4, 0.6)}
    for name, saving in savings.items():
        found[name] = _changed(plan, lambda turn, to=saving: replace(turn, saving=to))
    if any((turn.guidance.text_scale, turn.guidance.image_scale) != (1.0, 1.0) for turn in plan.turns):
        for low in (0.6, 0.8):
            found[f"--guided {low} 1"] = _changed(plan, lambda turn, low=low: _guided_above(turn, low))
    return found


def guided(plan: Plan, scale: float) -> Plan:
    """The plan with text guidance of this scale, at the times that it says."""
    return _changed(plan, lambda turn: replace(turn, guidance=replace(turn.guidance, text_scale=scale)))


def held(pipeline: Pipeline, kind: Quantize) -> Pipeline:
    """The same with weights in few bits."""
    parts = pipeline.parts
    model = copy.deepcopy(parts.model)
    quantize(model, kind)
    return Pipeline(model, parts.autoencoder, parts.tokenizer, parts.settings)


def measure_cheaper(
    pipeline: Pipeline,
    exact: Plan,
    options: SceneOptions,
    device: torch.device,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Cheaper]:
    """Every way over the same main prompts, the exact one first; batches of ways alternate, so that what else
    the machine does meets them alike."""
    items = scene_items(options)[: options.prompts]
    plans = ways(exact)
    pipelines = dict.fromkeys(plans, pipeline)
    for kind in [kind for kind in WEIGHTS if kind not in left_out(device, pipeline.parts.model.dtype)]:
        plans[f"--weights {kind}"], pipelines[f"--weights {kind}"] = exact, held(pipeline, kind)
    right: dict[str, list[bool]] = {name: [] for name in plans}
    seconds, evaluations = dict.fromkeys(plans, 0.0), dict.fromkeys(plans, 0)
    for start in range(0, len(items), options.batch):
        batch = items[start : start + options.batch]
        for name, plan in plans.items():
            progress(f"prompts {start + 1} to {start + len(batch)} of {len(items)}: {name}")
            verdicts, taken, num = _drawn(pipelines[name], plan, batch, Clock(device))
            right[name] += verdicts
            seconds[name] += taken
            evaluations[name] += num
    num_pictures = len(items) * len(exact.turns)
    return [
        Cheaper(
            name,
            evaluations[name] / num_pictures,
            seconds[name] / num_pictures,
            np.array(right[name], dtype=float),
        )
        for name in plans
    ]


def left_out(device: torch.device, dtype: torch.dtype) -> dict[Quantize, str]:
    """How weights cannot be held here, and why."""
    if device.type == "cpu":
        return {}
    try:
        check_float8(device, dtype)
    except ValueError as refused:
        return {Quantize.FP8_MATMUL: str(refused)}
    return {}


def best(found: Sequence[Cheaper]) -> Cheaper:
    """The fastest of those that lose no more than a point against the first, which is the exact drawing."""
    fine = [way for way in found if difference(found[0], way)[0] >= -MOST_LOST]
    return min(fine, key=lambda way: way.seconds)


def difference(exact: Cheaper, other: Cheaper) -> tuple[float, float, float]:
    """How much higher the other's score is, on the same prompts, with its 95% interval."""
    paired_N1 = (other.right - exact.right)[:, None]
    low, high = bootstrap_means(paired_N1, list(range(len(paired_N1))))
    return float(paired_N1.mean()), float(low[0]), float(high[0])


def _changed(plan: Plan, change: Callable[[TurnPlan], TurnPlan]) -> Plan:
    return replace(plan, turns=tuple(map(change, plan.turns)))


def _guided_above(turn: TurnPlan, low: float) -> TurnPlan:
    return replace(turn, guidance=replace(turn.guidance, interval=(low, 1.0)))


def _drawn(
    pipeline: Pipeline, plan: Plan, items: Sequence[Item], clock: Clock
) -> tuple[list[bool], float, int]:
    """Whether each item's last picture is right, the seconds of drawing, and evaluations of the model."""
    draws = [SeededDraws(item.seeds[0]) for item in items]
    rollout = pipeline.rollout([item.prompt for item in items], plan, draws)
    seconds, evaluations = 0.0, 0
    for turn in plan.turns:
        rollout.look(turn)
        if turn.think:
            list(rollout.think())
        started = clock.now()
        for row, event in rollout.draw(turn):
            if isinstance(event, DenoisingStep) and row == 0 and event.index == event.total:
                seconds += clock.seconds(clock.now() - started)
        evaluations += sum(drawn.evaluations for drawn in rollout.drawn)
    pictures = [drawn.image for drawn in rollout.drawn]
    right = [
        picture is not None and verdict(item.prompt, picture).correct
        for item, picture in zip(items, pictures, strict=True)
    ]
    return right, seconds, evaluations
