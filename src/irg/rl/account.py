"""What a step's episodes came to, in numbers: summed over processes, so that all of them know the same."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import pstdev

import torch

from irg.rl.episodes import PlayedStep, Sibling
from irg.rl.lessons import returned
from irg.rl.returns import advantages, is_dead
from irg.rl.settings import RlRecipe
from irg.run.parallel import Layout

SHARES: Mapping[str, tuple[str, str]] = {
    "reward": ("reward", "episodes"),
    "valid": ("valid", "episodes"),
    "repair": ("repaired", "wrong"),
    "damage": ("damaged", "right"),
    "done": ("done", "episodes"),
    "rollouts/first_right": ("first_right", "first"),
    "rollouts/last_right": ("last_right", "episodes"),
    "rollouts/false_done": ("false_done", "wrong_last"),
    "rollouts/changed": ("changed", "episodes"),
    "rollouts/cut": ("cut", "texts"),
    "rollouts/tokens": ("tokens", "texts"),
    "rollouts/spread": ("spread", "groups"),
    "rollouts/dead": ("dead", "groups"),
    "rollouts/floored": ("floored", "groups"),
    "rollouts/saturated": ("saturated", "episodes"),
    "rollouts/ungraded": ("ungraded", "pictures"),
}
"""What is logged, and of which two sums it is the quotient; of nothing it is no number."""
_SUMS = tuple(dict.fromkeys(name for pair in SHARES.values() for name in pair))


def sums_of(played: PlayedStep, recipe: RlRecipe) -> dict[str, float]:
    """Of what one process played."""
    parts: list[Mapping[str, float]] = [played.counts]
    for group in played.groups:
        worth = [returned(one, recipe) for one in group.siblings]
        valid = [one.is_valid for one in group.siblings]
        learned, spread = advantages(worth, valid, recipe.returns), pstdev(worth)
        about = {
            "groups": 1,
            "spread": spread,
            "dead": is_dead(worth),
            "floored": spread < recipe.returns.floor,
            "saturated": sum(abs(one) >= 1 for one in learned),
            "reward": sum(worth),
        }
        parts += [about, episode_sums(group.siblings)]
    return _added(parts)


def episode_sums(siblings: Iterable[Sibling]) -> dict[str, float]:
    """Of episodes by themselves."""
    return _added(_of_episode(one) for one in siblings)


def _of_episode(one: Sibling) -> dict[str, float]:
    is_right = one.grades[-1] >= 1
    return {
        "episodes": 1,
        "valid": one.is_valid,
        "wrong": one.is_repaired is not None,
        "repaired": bool(one.is_repaired),
        "right": one.is_damaged is not None,
        "damaged": bool(one.is_damaged),
        "done": one.is_done,
        "last_right": is_right,
        "wrong_last": not is_right,
        "false_done": one.is_done and not is_right,
        "changed": one.is_changed,
        "texts": len(one.texts),
        "cut": sum(text.is_cut for text in one.texts),
        "tokens": sum(len(text.log_L) for text in one.texts),
    }


def _added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            sums[name] = sums.get(name, 0) + value
    return sums


def over_all(sums: Mapping[str, float], layout: Layout, names: Sequence[str] = _SUMS) -> dict[str, float]:
    """The sums over all processes, which all call it."""
    own = torch.tensor([float(sums.get(name, 0)) for name in names], dtype=torch.float64)
    return dict(zip(names, layout.total(own.to(layout.device)).tolist(), strict=True))


def shares(sums: Mapping[str, float]) -> dict[str, float]:
    """What is logged of them."""
    return {
        name: sums[part] / sums[whole] if sums[whole] else math.nan for name, (part, whole) in SHARES.items()
    }
