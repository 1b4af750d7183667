"""Choosing the token budget of rows: a budget that the lengths of the data fill well."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from irg.data.lengths import Measured, RowLengths
from irg.data.plan import PackingOptions, Planner

GRAIN = 512
"""Budgets are multiples of this."""
_ROWS = 400


def expected_fill(streams: Sequence[Measured], options: PackingOptions, seed: int) -> float:
    """Mean share of the budget that samples take, over the first few hundred rows of an endless plan."""
    steps = -(-_ROWS // options.rows_per_step)
    plan = islice(Planner(streams, options, seed), steps)
    return float(np.mean([row.fill for step in plan for row in step.rows]))


def fitting_budget(
    streams: Sequence[Measured], options: PackingOptions, seed: int, least: float = 0.9
) -> tuple[int, float]:
    """The budget, from `least` times `options.tokens` up to that, which is filled best, and how well.

    Where images all have one size, samples come in a few sizes, and whether they add up to a row is a matter
    of luck: 5% less budget can mean 5% less padding. Needs streams that were surveyed.
    """
    if options.tokens is None:
        raise ValueError("rows of a number of documents have no token budget")
    longest = 0
    for one in streams:
        if not isinstance(one.lengths, RowLengths):
            raise ValueError(f"stream {one.stream.name} is virtual: the lengths of its rows are not known")
        longest = max(longest, int(one.lengths.most().max()))
    lowest = max(int(options.tokens * least), longest)
    budgets = {options.tokens, *range(-(-lowest // GRAIN) * GRAIN, options.tokens + 1, GRAIN)}
    fills = {
        tokens: expected_fill(streams, replace(options, tokens=tokens), seed)
        for tokens in sorted(budgets, reverse=True)
    }
    best = max(fills, key=lambda tokens: round(fills[tokens], 3))  # of equals the first, which is the largest
    return best, fills[best]
