"""GenEval 2's numbers: Soft-TIFA by the geometric or the arithmetic mean of a prompt's questions, and TIFA.

The judge answers the same questions for all of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from irg.bench.figures import mean_figure
from irg.bench.geneval2.answers import ATOMICITIES, SKILLS, arithmetic, geometric, matches
from irg.bench.geneval2.prompts import question_of
from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Figure, Hearings, Sample, Summarise, Summary, missing_pictures


@dataclass(frozen=True)
class Method:
    """How the answers to a prompt's questions become a number, and of what the parts are told."""

    name: str
    score: Callable[[EvidenceRow, str, str], float]
    mean: Callable[[Sequence[float]], float]
    by_skill: bool = True


def soft(row: EvidenceRow, question: str, answer: str) -> float:
    return row.evidence["soft"]


def hard(row: EvidenceRow, question: str, answer: str) -> float:
    right = row.evidence.get("right")  # the official code says it itself
    return float(matches(row.evidence["word"], question, answer) if right is None else right)


METHODS = (
    Method("soft-tifa-gm", soft, geometric, by_skill=False),
    Method("soft-tifa-am", soft, arithmetic),
    Method("tifa", hard, arithmetic),
)


def summarise(method: Method, items: Sequence[Item], heard: Hearings) -> Summary:
    """Of the pictures all of whose questions were answered."""
    scores = {item.id: found for item in items if (found := _scores(method, item, heard))}
    by_id = {item.id: item for item in items}
    samples = tuple(
        Sample(name, 0, _atoms(by_id[name].facts["atoms"]), method.mean(found))
        for name, found in scores.items()
    )
    counts = Counter(one.category for one in samples)
    parts = _skills(by_id, scores) if method.by_skill else _atomicities(items, samples)
    return Summary(
        method.name,
        mean_figure("overall", samples, len(items)),
        tuple(parts),
        missing_pictures(items, heard),
        samples,
        {category: count / len(samples) for category, count in counts.items()},
    )


SUMMARIES: dict[str, Summarise] = {method.name: partial(summarise, method) for method in METHODS}


def _scores(method: Method, item: Item, heard: Hearings) -> list[float]:
    """Of the questions of an item in order; none where there is no evidence.

    Raises ValueError where some were never asked.
    """
    rows = heard[item.id].ok(0) if item.id in heard else {}
    if not rows:
        return []
    pairs = {question_of(item, index): pair for index, pair in enumerate(item.facts["questions"])}
    if unasked := [question for question in pairs if question not in rows]:
        raise ValueError(f"item {item.id}: there is no answer to {unasked[0]!r}")
    return [method.score(rows[question], *pair) for question, pair in pairs.items()]


def _skills(items: dict[str, Item], scores: dict[str, list[float]]) -> list[Figure]:
    """Over the questions, whatever their prompts: those of one prompt are not independent."""
    questions = [
        Sample(name, 0, skill, score)
        for name, found in scores.items()
        for skill, score in zip(items[name].facts["skills"], found, strict=True)
    ]
    expected = Counter(skill for item in items.values() for skill in item.facts["skills"])
    return [
        mean_figure(skill, [one for one in questions if one.category == skill], expected[skill])
        for skill in SKILLS
    ]


def _atomicities(items: Sequence[Item], samples: Sequence[Sample]) -> list[Figure]:
    expected = Counter(_atoms(item.facts["atoms"]) for item in items)
    return [
        mean_figure(name, [one for one in samples if one.category == name], expected[name])
        for name in map(_atoms, ATOMICITIES)
    ]


def _atoms(count: int) -> str:
    return f"{count} atoms"
