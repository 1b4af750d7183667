"""GenAI-Bench: which prompts count for which skill, and the mean and spread of scores over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

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


def skills_of(tagged: Mapping[str, Sequence[int]]) -> dict[int, tuple[str, ...]]:
    """By prompt the skills that it counts for, of the official lists of prompts by skill.

    Raises ValueError where a skill is missing, or unknown.
    """
    known = [skill for group in GROUPS.values() for skill in group]
    if {*tagged} != {*known}:
        raise ValueError(f"skills {', '.join(sorted(tagged))}: expected {', '.join(sorted(known))}")
    found: dict[int, list[str]] = {}
    for skill in known:
        for prompt in tagged[skill]:
            found.setdefault(prompt, []).append(skill)
    return {prompt: tuple(skills) for prompt, skills in found.items()}


def by_skill(skills: Mapping[int, Sequence[str]], scores: Mapping[int, float]) -> dict[str, list[float]]:
    """The scores of every skill, and of all prompts that have any, in the order of the prompts."""
    found: dict[str, list[float]] = {skill: [] for group in GROUPS.values() for skill in group} | {ALL: []}
    for prompt in sorted(scores):
        for skill in skills.get(prompt, ()):
            found[skill].append(scores[prompt])
        if {*GROUPS} & {*skills.get(prompt, ())}:
            found[ALL].append(scores[prompt])
    return found
