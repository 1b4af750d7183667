"""The prompts of the scene benchmark, which training never saw.

The main prompts are held-out wordings of the six GenEval families. Two groups are counted beside them:
`combinations` need colour-shape pairs or counts that no training picture showed, and `compounds` are held-out
wordings of longer prompts, in which counts, colours, sizes and relations come together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from irg.bench.items import Item
from irg.world import Family, Split, sample_prompt

FAMILIES = (
    Family.SINGLE,
    Family.TWO,
    Family.COUNTING,
    Family.COLORS,
    Family.POSITION,
    Family.ATTRIBUTION,
)
COMBINATION_FAMILIES = (Family.COUNTING, Family.COLORS, Family.ATTRIBUTION)
GROUPS = MAIN, COMBINATIONS, COMPOUNDS = "main", "combinations", "compounds"
SEED_STRIDE = 1_000_003
"""Between the picture seeds of two seeds of a run: further than any run has prompts."""
_TRIES = 50
"""Draws of a new wording before a repeated one is taken: the small families run out of held-out wordings."""


@dataclass(frozen=True)
class SceneOptions:
    """Main prompts (a fifth as many of each other group are added), turns, and which prompts."""

    prompts: int = 300
    turns: int = 2
    seed: int = 0
    batch: int = 32

    def __post_init__(self) -> None:
        for name in ("prompts", "turns", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected at least 1")


def scene_items(options: SceneOptions) -> list[Item]:
    """The prompts: families in turn, so that any number of them is balanced."""
    rng = np.random.default_rng([options.seed, 7001])
    added = max(options.prompts // 5, 1)
    prompts = _sample(rng, FAMILIES, Split.HELD_OUT, options.prompts)
    prompts += _sample(rng, COMBINATION_FAMILIES, Split.COMBINATIONS, added)
    prompts += _sample(rng, (Family.COMPOUND,), Split.HELD_OUT, added)
    return [
        scene_item(index, *prompt, seed=options.seed * SEED_STRIDE + index)
        for index, prompt in enumerate(prompts)
    ]


def scene_item(index: int, prompt: str, family: str, split: str, seed: int) -> Item:
    return Item(f"{index:05d}", prompt, (seed,), {"family": family, "split": split})


def family_of(item: Item) -> str:
    return item.facts["family"]


def group_of(item: Item) -> str:
    """Which of `MAIN`, `COMBINATIONS` and `COMPOUNDS` it counts for; no two are ever added up."""
    if item.facts["split"] == Split.COMBINATIONS:
        return COMBINATIONS
    return COMPOUNDS if family_of(item) == Family.COMPOUND else MAIN


def _sample(
    rng: np.random.Generator, families: Sequence[Family], split: Split, count: int
) -> list[tuple[str, str, str]]:
    """Each a prompt with its family and split."""
    seen: set[str] = set()
    prompts = []
    for index in range(count):
        family, prompt = families[index % len(families)], ""
        for _ in range(_TRIES):
            _, prompt = sample_prompt(rng, family, split)
            if prompt not in seen:
                break
        seen.add(prompt)
        prompts.append((prompt, str(family), str(split)))
    return prompts
