"""Figures of a report: means of samples, and weighted sums of the means of categories, with 95% intervals.

The pictures of an item are not independent, so whole items are drawn again. Shape suffixes: G items,
B resamples.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from irg.bench.intervals import wilson
from irg.bench.protocol import Figure, Sample

_RESAMPLES = 1_000


def mean_figure(name: str, samples: Sequence[Sample], expected: int) -> Figure:
    """The mean of the samples' values; no value where there are none."""
    if not samples:
        return Figure(name, None, 0, expected)
    value = float(np.mean([sample.value for sample in samples]))
    return Figure(name, value, len(samples), expected, _interval(samples, value))


def weighted_figure(
    name: str, samples: Sequence[Sample], weights: Mapping[str, float], expected: int
) -> Figure:
    """The sum over categories of their weight times their mean; no value where one of them has no samples."""
    by_category = categories(samples)
    if not weights or {*weights} - {*by_category}:
        return Figure(name, None, len(samples), expected)
    means = {category: np.mean([one.value for one in by_category[category]]) for category in weights}
    value = float(sum(weight * means[category] for category, weight in weights.items()))
    rng = np.random.default_rng(0)
    sums_B = sum(weight * _drawn(by_category[category], rng) for category, weight in weights.items())
    low, high = np.percentile(sums_B, [2.5, 97.5])
    return Figure(name, value, len(samples), expected, (float(low), float(high)))


def categories(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples by category, in order of appearance."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.category, []).append(sample)
    return found


def _interval(samples: Sequence[Sample], value: float) -> tuple[float, float] | None:
    """By Wilson for shares over one picture an item, and where all is right or all wrong; else by drawing
    items again. None of a single item that is neither right nor wrong."""
    items = len({sample.item for sample in samples})
    is_share = all(sample.right is not None for sample in samples)
    if is_share and (items == len(samples) or value in (0.0, 1.0)):
        return wilson(round(value * items), items)
    if items == 1:
        return None
    low, high = np.percentile(_drawn(samples, np.random.default_rng(0)), [2.5, 97.5])
    return float(low), float(high)


def _drawn(samples: Sequence[Sample], rng: np.random.Generator) -> np.ndarray:
    """Means [B] over as many items as there are, drawn from them with replacement."""
    number: dict[str, int] = {}
    group = [number.setdefault(sample.item, len(number)) for sample in samples]
    sum_G = np.bincount(group, [sample.value for sample in samples])
    size_G = np.bincount(group).astype(float)
    times_BG = rng.multinomial(len(number), np.full(len(number), 1 / len(number)), _RESAMPLES)
    return (times_BG @ sum_G) / (times_BG @ size_G)
