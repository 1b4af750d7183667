"""The lengths of IRG training: sizes of the real model, the two stages' shares of modes, made-up words."""

import random
from collections.abc import Callable
from functools import cache

from irg.core.trace import Trace, Turn
from irg.data.learning import IRGL, Mode
from irg.data.lengths import Measured, Measuring, survey
from irg.data.streams import Stream
from irg.prep import SizeOnly
from tests.data.memory import MemorySource, bagel_preparer, words

BUDGET, LONGEST = 40_960, 32_768
WEIGHTS = {
    1: {mode: 1.0 if mode.endswith("full") else 0.5 for mode in IRGL},
    2: {Mode.INITIAL_FULL: 1.0, Mode.IMPROVING_FULL: 1.0},
}
"""Of the modes in the two stages."""
REQUIRED = {1: tuple(mode for mode in IRGL if mode.endswith(("full", "thinking"))), 2: ()}
_SYSTEM_WORDS = 283

Draw = Callable[[random.Random], tuple[int, int]]
SIZES: dict[str, Draw] = {
    "512": lambda draw: (512, 512),
    "1024": lambda draw: (draw.randint(512, 1024), draw.randint(512, 1024)),
    "square": lambda draw: (1024, 1024),
}
"""Of images: all of 512 pixels a side, sides of 512 to 1024, and all of 1024."""


@cache
def streams(stage: int, sizes: str, count: int = 500) -> tuple[Measured, ...]:
    """The streams of a stage, over one source of so many episodes."""
    source = MemorySource([_episode(seed, SIZES[sizes]) for seed in range(count)], group=16)
    mixture = [
        Stream(source, mode, weight, required=mode in REQUIRED[stage], name=mode)
        for mode, weight in WEIGHTS[stage].items()
    ]
    return survey(mixture, Measuring(bagel_preparer(), longest=LONGEST)).streams


def _episode(seed: int, size: Draw) -> Trace:
    draw = random.Random(seed)
    first = size(draw)  # the better image has the size of the first
    turns = tuple(Turn(words(draw.randint(150, 900)), SizeOnly(first)) for _ in range(2))
    return Trace(words(draw.randint(20, 120)), turns, seed, system_prompt=words(_SYSTEM_WORDS))
