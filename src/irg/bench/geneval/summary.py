"""GenEval's numbers: per tag the share of right pictures, and the plain mean of the tags' shares."""

from collections.abc import Sequence

from irg.bench.figures import categories, mean_figure, weighted_figure
from irg.bench.geneval.evidence import verdict_of
from irg.bench.items import Item
from irg.bench.protocol import Figure, Hearings, Sample, Summary, missing_pictures
from irg.scorers.geneval.asked import TAGS


def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
    """Of the pictures that there is evidence of. As in the official code a tag without pictures drops out of
    the mean; `missing` tells that the number is then not the benchmark's."""
    samples = samples_of(items, heard)
    by_tag = categories(samples)
    present = [tag for tag in TAGS if tag in by_tag]
    expected = dict.fromkeys(TAGS, 0)
    for item in items:
        expected[item.facts["tag"]] += len(item.seeds)
    weights = {tag: 1 / len(present) for tag in present}
    total = sum(expected.values())
    figures = [mean_figure(tag, by_tag.get(tag, []), expected[tag]) for tag in TAGS if expected[tag]]
    return Summary(
        "official",
        weighted_figure("overall", by_tag, weights, total),
        (*figures, mean_figure("pictures", samples, total), _prompts(samples, len(items))),
        missing_pictures(items, heard),
        tuple(samples),
        weights,
    )


def samples_of(items: Sequence[Item], heard: Hearings) -> list[Sample]:
    """Every picture that there is evidence of, with its verdict."""
    found = []
    for item in items:
        for number in range(len(item.seeds)):
            rows = heard[item.id].ok(number) if item.id in heard else {}
            if rows:
                correct = verdict_of(item.facts, rows).correct
                found.append(Sample(item.id, number, item.facts["tag"], float(correct), correct))
    return found


def _prompts(samples: Sequence[Sample], expected: int) -> Figure:
    """The share of prompts of which at least one picture is right, as the official code also prints it."""
    best = {sample.item: False for sample in samples}
    for sample in samples:
        best[sample.item] |= bool(sample.right)
    of_prompts = [Sample(item, None, "", float(right), right) for item, right in best.items()]
    return mean_figure("prompts with a right picture", of_prompts, expected)
