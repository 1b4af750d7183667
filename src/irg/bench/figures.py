"""Figures of samples: means with counts and intervals, weighted sums of them, and differences in pairs."""

from collections.abc import Mapping, Sequence

import numpy as np

from irg.bench.intervals import resampled_means, wilson
from irg.bench.protocol import Figure, Sample, Summary

RESAMPLES = 1_000
Key = tuple[str, int | None]


def mean_of(name: str, samples: Sequence[Sample], expected: int) -> Figure:
    """The mean of samples. Rights and wrongs of different items have a Wilson interval, anything else one by
    the bootstrap over items."""
    if not samples:
        return Figure(name, None, 0, expected)
    values = [sample.value for sample in samples]
    value = float(np.mean(values))
    if {*values} <= {0.0, 1.0} and len({sample.item for sample in samples}) == len(samples):
        return Figure(name, value, len(samples), expected, wilson(round(sum(values)), len(samples)))
    return Figure(
        name, value, len(samples), expected, interval_of({"": 1.0}, [(s, s.value, "") for s in samples])
    )


def summary_of(
    variant: str,
    samples: Sequence[Sample],
    expected: Mapping[str, int],
    weights: Mapping[str, float],
    missing: Mapping[str, int],
) -> Summary:
    """The usual summary: a mean for each category of `expected`, and the sum of these means by `weights`.

    Of a category that has no samples there is no mean, and so no headline if it has a weight.
    """
    by_category = {name: [one for one in samples if one.category == name] for name in expected}
    figures = tuple(mean_of(name, some, expected[name]) for name, some in by_category.items())
    values = {figure.name: figure.value for figure in figures}
    known = {name: value for name in weights if (value := values[name]) is not None}
    counted = sum(len(by_category[name]) for name in weights)
    of_all = sum(expected[name] for name in weights)
    if len(known) < len(weights):
        headline = Figure(variant, None, counted, of_all)
    else:
        value = sum(weight * known[name] for name, weight in weights.items())
        in_it = [(one, one.value, one.category) for one in samples if one.category in weights]
        headline = Figure(variant, value, counted, of_all, interval_of(weights, in_it))
    return Summary(variant, headline, figures, missing, tuple(samples), weights)


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Weights by which the sum of category means is the plain mean of everything."""
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items() if count}


def interval_of(
    weights: Mapping[str, float], values: Sequence[tuple[Sample, float, str]], resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The 95% bootstrap interval of a weighted sum of category means: whole items are drawn, within each
    category. Each value comes with its sample and its category."""
    rng = np.random.default_rng(0)
    sum_B = np.zeros(resamples)
    for category, weight in weights.items():
        ours = [(sample.item, value) for sample, value, of in values if of == category]
        values_N1 = np.array([[value] for _, value in ours])
        sum_B += weight * resampled_means(values_N1, [item for item, _ in ours], resamples, rng)[:, 0]
    low, high = np.percentile(sum_B, [2.5, 97.5])
    return float(low), float(high)


def difference(better: Summary, than: Summary) -> Figure | None:
    """How much higher the first headline is, on the samples that both have; None where that cannot be said
    in pairs: other weights, or a category that they do not share."""
    name = f"{better.headline.name} - {than.headline.name}"
    if not better.weights or better.weights.keys() != than.weights.keys():
        return None
    before = {_key(one): one for one in than.samples if one.category in than.weights}
    pairs = [
        (one, one.value - before[_key(one)].value, one.category)
        for one in better.samples
        if _key(one) in before
    ]
    expected = better.headline.expected
    by_category: dict[str, list[float]] = {}
    for _, value, category in pairs:
        by_category.setdefault(category, []).append(value)
    if by_category.keys() < better.weights.keys():
        return Figure(name, None, len(pairs), expected)
    weights = better.weights
    value = sum(weight * float(np.mean(by_category[category])) for category, weight in weights.items())
    return Figure(name, value, len(pairs), expected, interval_of(weights, pairs))


def _key(sample: Sample) -> tuple[str, int | None, str]:
    return sample.item, sample.picture, sample.category
