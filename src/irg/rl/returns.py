"""What episodes are worth, and what each is worth among its siblings (as in UMM-Reflection)."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, pstdev

from irg.rl.settings import LearningMethod, ReturnSettings

_DEAD = 1e-6
"""Standard deviation below which the siblings of a group are worth the same."""


def episode_return(grades: Sequence[float], is_done: bool, settings: ReturnSettings) -> float:
    """Of the grades of an episode's pictures, the first included; `is_done`: the last text found nothing to
    change."""
    steps = [after - before for before, after in pairwise(grades)]
    rises, falls = (sum(max(sign * step, 0.0) for step in steps) for sign in (1, -1))
    premature = settings.premature * (is_done and grades[-1] < 1)
    return grades[-1] + settings.gain * rises - settings.loss * falls - premature


def is_dead(returns: Sequence[float]) -> bool:
    """Whether all siblings are worth the same, so that nothing can be learned from which was better."""
    return len(returns) < 2 or pstdev(returns) < _DEAD


def advantages(returns: Sequence[float], valid: Sequence[bool], settings: ReturnSettings) -> list[float]:
    """From -1 to 1. What is malformed is pushed down after the siblings were compared: within the returns, a
    group of nothing else would hide it."""
    mean, spread = fmean(returns), pstdev(returns)
    scale = max(spread, settings.floor)
    compared = [max(-1.0, min(1.0, (one - mean) / scale)) if spread >= _DEAD else 0.0 for one in returns]
    return [
        one if fine else max(-1.0, min(one, 0.0) - settings.malformed)
        for one, fine in zip(compared, valid, strict=True)
    ]


def weights(
    method: LearningMethod, returns: Sequence[float], valid: Sequence[bool], settings: ReturnSettings
) -> list[float]:
    """How much each sibling is to be imitated, or, below zero, avoided; 0: nothing is learned of it."""
    if method is not LearningMethod.REJECTION:
        return advantages(returns, valid, settings)
    fine = [one for one, is_fine in zip(returns, valid, strict=True) if is_fine]
    if is_dead(returns) or not fine:
        return [0.0] * len(returns)
    best = [one == max(fine) and is_fine for one, is_fine in zip(returns, valid, strict=True)]
    first = best.index(True)
    return [float(place == first) for place in range(len(returns))]
