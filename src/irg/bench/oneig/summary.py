"""OneIG's numbers of one turn: the mean of five dimensions, and each dimension by itself.

A picture that is not there is left out of its prompt's mean, as in the official code, and the report is
incomplete then. Intervals are by drawing prompts again. Shape suffixes: N prompts, K sums, B resamples.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from irg.bench.figures import mean_figure
from irg.bench.intervals import drawn_sums
from irg.bench.items import Item
from irg.bench.oneig.dimensions import FIVE, Dimension, PromptValues
from irg.bench.oneig.reading import Lettering, TextScore
from irg.bench.oneig.scores import STYLES, overall, style_groups
from irg.bench.protocol import Figure, Hearings, Sample, Summarise, Summary

_RESAMPLES = 1_000
_TEXT = FIVE[1]
Interval = tuple[float, float]


def summary_of_dimension(dimension: Dimension) -> Summarise:
    """The variant of one dimension."""

    def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
        found = PromptValues.of(dimension, items, heard)
        headline, *figures = _figures(found)
        samples, weights = ([], {}) if dimension is _TEXT else (_samples(found), {dimension.name: 1.0})
        return Summary(dimension.name, headline, tuple(figures), found.missing, tuple(samples), weights)

    return summarise


def summary_of_all(items: Sequence[Item], heard: Hearings) -> Summary:
    """The mean of the five. It is no weighted sum: the text score is not a mean."""
    found = [PromptValues.of(dimension, items, heard) for dimension in FIVE]
    heads = [_figures(one)[0] for one in found]
    missing: Counter[str] = Counter()
    for one in found:
        missing.update({f"{one.dimension.name}: {reason}": count for reason, count in one.missing.items()})
    value = overall({head.name: head.value for head in heads})
    interval = None if value is None else _percentiles(np.mean([_draws(one) for one in found], axis=0))
    counted, expected = sum(head.counted for head in heads), sum(head.expected for head in heads)
    return Summary(
        "overall", Figure("overall", value, counted, expected, interval), tuple(heads), dict(missing)
    )


def _figures(found: PromptValues) -> list[Figure]:
    """The dimension's own, and then its finer table."""
    if found.dimension is _TEXT:
        return _text_figures(found)
    samples = _samples(found)

    def of(name: str, some: Sequence[Item]) -> Figure:
        wanted = {item.id for item in some}
        return mean_figure(name, [one for one in samples if one.item in wanted], len(some))

    figures = [of(found.dimension.name, found.items)]
    parts = {name: of(name, some) for name, some in found.parts.items()}
    return [*figures, *_style_groups(parts), *parts.values()]


def _style_groups(styles: dict[str, Figure]) -> list[Figure]:
    """Groups of styles, where the parts are styles: the plain means of theirs."""
    by_style = {
        name.removeprefix("style: "): one for name, one in styles.items() if name.startswith("style: ")
    }
    if not by_style:
        return []
    values = style_groups({style: one.value for style, one in by_style.items()})
    return [
        Figure(
            f"style: {group}",
            values[group],
            sum(by_style[style].counted for style in names if style in by_style),
            sum(by_style[style].expected for style in names if style in by_style),
        )
        for group, names in STYLES.items()
    ]


def _text_figures(found: PromptValues) -> list[Figure]:
    """The score with its three parts, then these by length, where they are means over prompts."""
    expected = len(found.items)
    if not found.values:
        return [Figure("text", None, 0, expected)]
    count = len(found.values)
    score = TextScore.of([one for some in found.values.values() for one in some])
    figures = [Figure("text", score.score, count, expected, _percentiles(_draws(found)))]
    figures += _parts("text", score, count, expected)
    for name, items in found.parts.items():
        some = [TextScore.of_prompt(found.values[item.id]) for item in items if item.id in found.values]
        if some:
            figures += _parts(name, TextScore.mean(some), len(some), len(items))
    return figures


def _parts(name: str, score: TextScore, counted: int, expected: int) -> list[Figure]:
    parts = {"ED": score.distance, "CR": score.completion, "WAC": score.accuracy}
    return [Figure(f"{name} {part}", value, counted, expected) for part, value in parts.items()]


def _samples(found: PromptValues) -> list[Sample]:
    """The mean of each item that has any value."""
    name = found.dimension.name
    return [Sample(item, None, name, sum(some) / len(some)) for item, some in found.values.items()]


def _draws(found: PromptValues) -> np.ndarray:
    """The dimension's score [B] of as many prompts as there are, drawn from them with replacement."""
    rng = np.random.default_rng(0)
    if found.dimension is not _TEXT:
        values_N1 = np.array([[sample.value] for sample in _samples(found)])
        return drawn_sums(values_N1, _RESAMPLES, rng)[:, 0] / len(values_N1)
    sums_NK = np.array([*map(_sums, found.values.values())], dtype=float)
    pictures, distance, exact, matched, words = drawn_sums(sums_NK, _RESAMPLES, rng).T
    scores = zip(distance / pictures, exact / pictures, matched / words, strict=True)
    return np.array([TextScore(*score).score for score in scores])


def _sums(pictures: Sequence[Lettering]) -> tuple[int, ...]:
    return (
        len(pictures),
        sum(one.distance for one in pictures),
        sum(one.exact for one in pictures),
        sum(one.matched for one in pictures),
        sum(one.words for one in pictures),
    )


def _percentiles(draws_B: np.ndarray) -> Interval:
    low, high = np.percentile(draws_B, [2.5, 97.5])
    return float(low), float(high)
