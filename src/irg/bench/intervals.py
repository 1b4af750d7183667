"""Confidence intervals: of shares, and of means and paired differences by the bootstrap.

Shape suffixes: N items, K quantities, G groups, B resamples.
"""

from collections.abc import Hashable, Sequence
from math import sqrt

import numpy as np

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the standard normal distribution."""
_AT_ONCE = 250_000
"""Groups that are drawn at once, to bound memory."""


def wilson(successes: int, total: int) -> tuple[float, float]:
    """The 95% Wilson score interval of a share (Wilson 1927). All of [0, 1] when nothing was counted."""
    if not total:
        return 0.0, 1.0
    share = successes / total
    centre = share + Z95**2 / (2 * total)
    spread = Z95 * sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    scale = 1 + Z95**2 / total
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def share(part: int, total: int) -> dict[str, float] | None:
    """A share with its 95% Wilson interval, as JSON; None of nothing."""
    if not total:
        return None
    low, high = wilson(part, total)
    return {"value": round(part / total, 4), "low": round(low, 4), "high": round(high, 4)}


def bootstrap_means(
    values_NK: np.ndarray, groups: Sequence[Hashable], resamples: int = 10_000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """95% percentile intervals (low [K], high [K]) of the means over N items of K quantities each.

    Whole groups are drawn with replacement, so that what was measured several times on one prompt does not
    count as independent. Differences of paired conditions are quantities like any other.
    """
    if len(values_NK) != len(groups) or not len(groups):
        raise ValueError(f"{len(values_NK)} items but {len(groups)} groups: expected one for each, and any")
    sums_GK = grouped(np.column_stack([values_NK, np.ones(len(values_NK))]), groups)
    drawn_BK = drawn_sums(sums_GK, resamples, np.random.default_rng(seed))
    low_K, high_K = np.percentile(drawn_BK[:, :-1] / drawn_BK[:, -1:], [2.5, 97.5], axis=0)
    return low_K, high_K


def grouped(values_NK: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """The sums [G, K] over the items of each group, in the order in which the groups appear."""
    number: dict[Hashable, int] = {}
    group_N = [number.setdefault(group, len(number)) for group in groups]
    return np.stack([np.bincount(group_N, values_N) for values_N in values_NK.T], axis=1)


def drawn_sums(sums_GK: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Sums [B, K] over as many groups as there are, drawn from them with replacement."""
    count, sums_KG = len(sums_GK), np.ascontiguousarray(sums_GK.T)
    drawn, step = [], max(1, _AT_ONCE // count)
    for start in range(0, resamples, step):
        index_BG = rng.integers(count, size=(min(step, resamples - start), count), dtype=np.uint32)
        drawn.append([sums_G[index_BG].sum(axis=1) for sums_G in sums_KG])
    return np.concatenate(drawn, axis=1).T
