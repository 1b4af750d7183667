"""Figures of a report: means of samples, weighted sums of the means of categories, and differences in pairs,
with 95% intervals.

The pictures of an item are not independent, so whole items are drawn again. Shape suffixes: G items,
B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from irg.bench.intervals import wilson
from irg.bench.protocol import Figure, Sample, Summary

_RESAMPLES = 1_000
_MANY = 5_000
"""Items; no official benchmark has as many."""
_AT_ONCE = 1_000_000
"""Numbers that are drawn at once, to bound memory."""


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
    if any(len({one.item for one in by_category[category]}) == 1 for category in weights):
        return Figure(name, value, len(samples), expected)  # what one item would vary by cannot be told
    rng = np.random.default_rng(0)
    sums_B = sum(weight * _drawn(by_category[category], rng) for category, weight in weights.items())
    low, high = np.percentile(sums_B, [2.5, 97.5])
    return Figure(name, value, len(samples), expected, (float(low), float(high)))


def summary_of(
    variant: str,
    samples: Sequence[Sample],
    expected: Mapping[str, int],
    weights: Mapping[str, float],
    missing: Mapping[str, int],
) -> Summary:
    """The usual summary: a mean for each category of `expected`, and their sum by weights as the headline;
    which is the plain mean, with its interval, where the weights are the shares of what was counted."""
    by_category = categories(samples)
    figures = tuple(mean_figure(name, by_category.get(name, []), count) for name, count in expected.items())
    in_it = [sample for sample in samples if sample.category in weights]
    headline = _headline(variant, in_it, weights, sum(expected[name] for name in weights))
    return Summary(variant, headline, figures, missing, tuple(samples), weights)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Weights by which the sum of the categories' means is the plain mean of everything."""
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items() if count}


def difference(better: Summary, than: Summary) -> Figure | None:
    """How much higher the first headline is, on the samples that both have. None where it cannot be said in
    pairs: headlines that are no weighted sums, or of other weights."""
    if not better.weights or dict(better.weights) != dict(than.weights):
        return None
    before = {_key(sample): sample.value for sample in than.samples}
    pairs = [
        replace(sample, value=sample.value - before[_key(sample)], right=None)
        for sample in better.samples
        if sample.category in better.weights and _key(sample) in before
    ]
    name = f"{better.headline.name} - {than.headline.name}"
    return _headline(name, pairs, better.weights, better.headline.expected)


def _headline(name: str, samples: Sequence[Sample], weights: Mapping[str, float], expected: int) -> Figure:
    """The weighted sum; where the weights are the shares of what was counted, as the mean that it is then."""
    counts = {category: len(some) for category, some in categories(samples).items()}
    if counts and dict(weights) == shares({category: counts.get(category, 0) for category in weights}):
        return mean_figure(name, samples, expected)
    return weighted_figure(name, samples, weights, expected)


def _key(sample: Sample) -> tuple[str, int | None, str]:
    return sample.item, sample.picture, sample.category


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
    """Means [B] over as many items as there are, drawn from them with replacement; of very many items, whose
    means are normal whatever they are of, from the normal distribution with their standard error."""
    number: dict[str, int] = {}
    group = [number.setdefault(sample.item, len(number)) for sample in samples]
    sum_G = np.bincount(group, [sample.value for sample in samples])
    size_G = np.bincount(group).astype(float)
    if len(number) > _MANY:
        mean = sum_G.sum() / size_G.sum()
        return rng.normal(mean, np.linalg.norm(sum_G - mean * size_G) / size_G.sum(), _RESAMPLES)
    chance_G, step = np.full(len(number), 1 / len(number)), max(1, _AT_ONCE // len(number))
    means = []
    for start in range(0, _RESAMPLES, step):
        times_BG = rng.multinomial(len(number), chance_G, min(step, _RESAMPLES - start))
        means.append((times_BG @ sum_G) / (times_BG @ size_G))
    return np.concatenate(means)
