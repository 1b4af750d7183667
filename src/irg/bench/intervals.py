"""Confidence intervals: of shares, and of means and paired differences by the bootstrap.

Shape suffixes: N items, K quantities, G groups, B resamples.
"""

from collections.abc import Hashable, Sequence
from math import sqrt

import numpy as np

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the standard normal distribution."""
_CHUNK = 1_000
"""Resamples that are weighed at once."""


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
    number: dict[Hashable, int] = {}
    group_N = np.array([number.setdefault(group, len(number)) for group in groups])
    sum_GK = np.zeros((len(number), values_NK.shape[1]))
    np.add.at(sum_GK, group_N, values_NK)
    size_G = np.bincount(group_N).astype(float)
    rng = np.random.default_rng(seed)
    chance_G = np.full(len(number), 1 / len(number))
    means = []
    for start in range(0, resamples, _CHUNK):
        times_BG = rng.multinomial(len(number), chance_G, min(_CHUNK, resamples - start))
        means.append((times_BG @ sum_GK) / (times_BG @ size_G)[:, None])
    low_K, high_K = np.percentile(np.concatenate(means), [2.5, 97.5], axis=0)
    return low_K, high_K
