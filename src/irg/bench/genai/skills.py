"""GenAI-Bench: which prompts count for which skill, and the mean and spread of scores over them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

GROUPS = {
    "basic": ("attribute", "scene", "spatial relation", "action relation", "part relation", "basic"),
    "advanced": ("counting", "comparison", "differentiation", "negation", "universal", "advanced"),
}
ALL = "all"
"""Every prompt that is basic or advanced: a few have no skill, and count for none."""


@dataclass(frozen=True)
class Spread:
    """The mean of some scores and their unbiased standard deviation, which one alone has not."""

    mean: float
    deviation: float | None
    count: int


def spread(scores: Sequence[float]) -> Spread | None:
    """None of no scores."""
    if not scores:
        return None
    return Spread(fmean(scores), stdev(scores) if len(scores) > 1 else None, len(scores))


def skills_of(tagged: Mapping[str, Any], name: str) -> dict[int, tuple[str, ...]]:
    """By prompt the skills that it counts for, of the official lists of prompts by skill.

    Raises ValueError, which begins with `name`, where a skill is missing or unknown, or no list of numbers.
    """
    known = [skill for group in GROUPS.values() for skill in group]
    if {*tagged} != {*known}:
        raise ValueError(f"{name}: skills {', '.join(sorted(tagged))}: expected {', '.join(sorted(known))}")
    found: dict[int, list[str]] = {}
    for skill in known:
        if not isinstance(tagged[skill], list) or not all(type(one) is int for one in tagged[skill]):
            raise ValueError(f"{name}: {skill}: expected a list of numbers")
        for prompt in tagged[skill]:
            found.setdefault(prompt, []).append(skill)
    return {prompt: tuple(skills) for prompt, skills in found.items()}


def by_skill(scored: Iterable[tuple[Sequence[str], float]]) -> dict[str, list[float]]:
    """Of prompts, each with its skills and its score, the scores that count for each skill and for `ALL`."""
    found: dict[str, list[float]] = {skill: [] for group in GROUPS.values() for skill in group} | {ALL: []}
    for skills, score in scored:
        for skill in (*skills, *((ALL,) if group_of(skills) else ())):
            found[skill].append(score)
    return found


def group_of(skills: Sequence[str]) -> str | None:
    """Whether a prompt of these skills is basic or advanced; None for one of no skill."""
    return next((group for group in GROUPS if group in skills), None)
