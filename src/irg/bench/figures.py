"""Figures of a report: means of samples, weighted sums of the means of categories, and differences in pairs,
with 95% intervals.

The pictures of an item are not independent, so whole items are drawn again. Shape suffixes: N samples,
G items, B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from irg.bench.intervals import drawn_sums, grouped, wilson
from irg.bench.protocol import Figure, Sample, Summary

_RESAMPLES = 1_000
_MANY = 5_000
"""Items; no official benchmark has as many."""


def mean_figure(name: str, samples: Sequence[Sample], expected: int) -> Figure:
    """The mean of the samples' values; no value where there are none."""
    if not samples:
        return Figure(name, None, 0, expected)
    value = float(np.mean([sample.value for sample in samples]))
    return Figure(name, value, len(samples), expected, _interval(samples, value))


def weighted_figure(
    name: str, by_category: Mapping[str, Sequence[Sample]], weights: Mapping[str, float], expected: int
) -> Figure:
    """The sum over categories of their weight times their mean; no value where one of them has no samples."""
    counted = sum(map(len, by_category.values()))
    if not weights or weights.keys() - by_category.keys():
        return Figure(name, None, counted, expected)
    means = {category: np.mean([one.value for one in by_category[category]]) for category in weights}
    value = float(sum(weight * means[category] for category, weight in weights.items()))
    if any(len({one.item for one in by_category[category]}) == 1 for category in weights):
        return Figure(name, value, counted, expected)  # what one item would vary by cannot be told
    rng = np.random.default_rng(0)
    sums_B = sum(weight * _drawn(by_category[category], rng) for category, weight in weights.items())
    low, high = np.percentile(sums_B, [2.5, 97.5])
    return Figure(name, value, counted, expected, (float(low), float(high)))


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
    by_category = categories(samples)
    counts = {category: len(some) for category, some in by_category.items()}
    if counts and dict(weights) == shares({category: counts.get(category, 0) for category in weights}):
        return mean_figure(name, samples, expected)
    return weighted_figure(name, by_category, weights, expected)


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
    values_N2 = np.array([(sample.value, 1.0) for sample in samples])
    sums_G2 = grouped(values_N2, [sample.item for sample in samples])
    if len(sums_G2) > _MANY:
        sum_G, size_G = sums_G2.T
        mean = sum_G.sum() / size_G.sum()
        return rng.normal(mean, np.linalg.norm(sum_G - mean * size_G) / size_G.sum(), _RESAMPLES)
    sum_B, size_B = drawn_sums(sums_G2, _RESAMPLES, rng).T
    return sum_B / size_B
