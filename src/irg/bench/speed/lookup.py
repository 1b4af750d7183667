"""What looking texts up saves: the same prompts and seeds of the scene world, each alone, with and without.

A text that is looked up stays the same but for the rounding of arithmetic on more rows at once, so nothing is
scored; how many are the same is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from irg.bench.items import Item
from irg.bench.scene.items import SceneOptions, scene_items
from irg.bench.speed.cheaper import EXACT
from irg.bench.speed.clock import Clock
from irg.core.events import ImageDone, ThoughtDone
from irg.pipeline import Pipeline, Plan

NUM_GUESSED = (4, 16)


@dataclass
class LookedUp:
    """What came of one way; texts of first turns, and of the reflections after them."""

    options: str
    """As they are given to `irg generate`."""
    seconds: tuple[float, float] = (0.0, 0.0)
    """Of writing all first texts, and all others; and of reading the pictures before those."""
    texts: tuple[str, ...] = ()


def measure_lookup(
    pipeline: Pipeline,
    options: SceneOptions,
    device: torch.device,
    progress: Callable[[str], None] = lambda step: None,
) -> list[LookedUp]:
    """Every way over the same main prompts, the exact one first; they alternate from prompt to prompt."""
    items = scene_items(options)[: options.prompts]
    plan = pipeline.settings.plan(options.turns)
    found = [LookedUp(EXACT), *(LookedUp(f"--lookup {num}") for num in NUM_GUESSED)]
    for number, item in enumerate(items):
        progress(f"texts of prompt {number + 1} of {len(items)}")
        for way, num in zip(found, (0, *NUM_GUESSED), strict=True):
            _write(pipeline, replace(plan, text=replace(plan.text, lookup=num)), item, way, Clock(device))
    return found


def same(exact: LookedUp, other: LookedUp) -> float:
    """The share of texts that are the same."""
    pairs = list(zip(exact.texts, other.texts, strict=True))
    return sum(ours == theirs for ours, theirs in pairs) / len(pairs)


def _write(pipeline: Pipeline, plan: Plan, item: Item, way: LookedUp, clock: Clock) -> None:
    started = clock.now()
    for _, event in pipeline.generate_batch([item.prompt], plan, [item.seeds[0]]):
        match event:
            case ThoughtDone(turn=turn, text=text):
                first, later = way.seconds
                taken = clock.seconds(clock.now() - started)
                way.seconds = (first + taken, later) if turn == 1 else (first, later + taken)
                way.texts += (text,)
            case ImageDone():
                started = clock.now()
