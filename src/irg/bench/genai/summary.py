"""GenAI-Bench's numbers: mean VQAScores of the basic, the advanced and all prompts, and of each skill."""

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

from irg.bench.figures import mean_figure
from irg.bench.genai.skills import ALL, GROUPS, by_skill, group_of, spread
from irg.bench.items import Item
from irg.bench.protocol import Figure, Hearings, Sample, Summary, missing_pictures
from irg.scorers.vqascore import score_of

LIKELIHOODS = "likelihoods"
"""The question: its evidence are `logs`, the log-likelihoods of the answer's tokens, or of the official code
its `score`."""


def summarise(items: Sequence[Item], heard: Hearings) -> Summary:
    """Of the pictures that there is evidence of. A prompt of no skill counts for nothing."""
    skills = {item.id: item.facts["skills"] for item in items if group_of(item.facts["skills"])}
    scores = _scores(items, heard)
    samples = [
        Sample(item, 0, str(group_of(of_item)), scores[item])
        for item, of_item in skills.items()
        if item in scores
    ]
    figures = []
    for skill in (skill for group in GROUPS.values() for skill in reversed(group)):
        expected = sum(skill in of_item for of_item in skills.values())
        figures.append(mean_figure(skill, [one for one in samples if skill in skills[one.item]], expected))
    categories = Counter(one.category for one in samples)
    return Summary(
        "vqascore",
        mean_figure(ALL, samples, len(skills)),
        (*figures, *_deviations(samples, skills)),
        missing_pictures(items, heard),
        tuple(samples),
        {group: count / len(samples) for group, count in categories.items()},
    )


def _scores(items: Sequence[Item], heard: Hearings) -> dict[str, float]:
    found = {
        item.id: rows[LIKELIHOODS].evidence
        for item in items
        if item.id in heard and (rows := heard[item.id].ok(0))
    }
    scores = {name: evidence["score"] for name, evidence in found.items() if "score" in evidence}
    logs = {name: evidence["logs"] for name, evidence in found.items() if name not in scores}
    if logs:
        values = score_of(torch.tensor([*logs.values()], dtype=torch.float64)).tolist()
        scores |= zip(logs, values, strict=True)
    return scores


def _deviations(samples: Sequence[Sample], skills: Mapping[str, Sequence[str]]) -> list[Figure]:
    """The standard deviations that the official script prints beside the means of the groups."""
    found = by_skill((skills[one.item], one.value) for one in samples)
    expected = {ALL: len(skills)} | {
        group: sum(group_of(one) == group for one in skills.values()) for group in GROUPS
    }
    spreads = {name: spread(found[name]) for name in (*GROUPS, ALL)}
    return [
        Figure(f"{name}, standard deviation", of_name.deviation, of_name.count, expected[name])
        for name, of_name in spreads.items()
        if of_name is not None
    ]
