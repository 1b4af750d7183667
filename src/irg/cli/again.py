"""`irg generate --from TRACE`: the episode of a trace once more, by the model that made it unless another is
named."""

import warnings
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from PIL import Image
from rich.console import Console

from irg.cli.by_plan import PlanChoice
from irg.cli.episode import Judge, record
from irg.cli.options import default_folder
from irg.cli.order import Order
from irg.cli.output import EpisodeFolder
from irg.core.trace import Trace
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.start import system_prompt_of
from irg.pipeline.replay import plan_of, step_plan_of
from irg.terminal import err

_IN_THE_TRACE = ("turns", "think", "width", "height", "image")
"""Options of an order that a trace says itself."""


def draw_again(source: Path, order: Order, out: Path | None) -> tuple[Path, Trace]:
    """Draw and save it, and say whether the pictures are the same. Returns the folder and the new trace.

    Raises ValueError for what is no trace, for one that does not say how it was made, and for options that
    would make it another episode.
    """
    for name in _IN_THE_TRACE:
        if getattr(order, name) is not None:
            raise ValueError(f"--{name} and --from {source}: the trace says that itself")
    if order.by_plan != PlanChoice():
        raise ValueError(f"--plan or --stop-when-right and --from {source}: the trace says that itself")
    trace = Trace.load(source)
    order = replace(order, choice=order.choice.as_made(trace.model), force=True)
    settings = order.choice.checkpoint.settings
    plan = order.overrides.apply(step_plan_of(trace) or plan_of(trace, settings))
    order.choice.check(plan)
    steps = isinstance(plan, StepPlan)
    system_prompt = system_prompt_of(plan, settings) if steps else plan.prompt_before(settings)
    wanted = replace(trace, settings=plan.as_json(), system_prompt=system_prompt)
    folder = out or default_folder(trace.prompt, trace.seed, "again", *order.choice.deciding(plan))
    judge: Judge = (lambda image: None) if trace.source is not None else order.judge(trace.prompt)
    console = order.telling.console
    with EpisodeFolder(folder) as episode_folder:
        order.tell_duration(plan)
        pipeline = order.choice.load(console)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            events = pipeline.replay(wanted)
        for one in told:
            err.print(str(one.message), style="yellow", markup=False, soft_wrap=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the world: whoever made the trace was told
            given = any(turn.given for turn in trace.turns)
            drawn = record(events, episode_folder, judge, console, given)
    _say(differing(trace, drawn), console)
    return folder, drawn


def differing(trace: Trace, drawn: Trace) -> list[int]:
    """The numbers of the turns whose images are not the same, byte for byte, or are of one of them alone."""
    images = zip_longest(*([turn.image for turn in one.turns] for one in (trace, drawn)))
    return [number for number, (one, other) in enumerate(images, start=1) if not _are_same(one, other)]


def _are_same(one: Image.Image | None, other: Image.Image | None) -> bool:
    if one is None or other is None:
        return False
    return one.size == other.size and one.tobytes() == other.tobytes()


def _say(others: list[int], console: Console) -> None:
    if others:
        listed = ", ".join(map(str, others))
        console.print(f"\nother pictures than those of the trace: {listed}", style="yellow")
    else:
        console.print("\nevery picture is that of the trace, byte for byte", style="green")
