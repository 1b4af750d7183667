"""Prompts of rollouts. Which is asked for is decided by a number, the same on every process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from irg.core.files import parse_json, read_lines
from irg.data.prepare import seed_of
from irg.rl.settings import PromptSettings
from irg.world import Family, Split, sample_prompt


@dataclass(frozen=True)
class AskedPicture:
    """A prompt, the seed of its episode, and what else rewards may want to know of it."""

    prompt: str
    seed: int
    facts: Mapping[str, Any] = field(default_factory=dict)


class PromptSource(Protocol):
    def __call__(self, seed: int) -> AskedPicture:
        """The prompt that this number draws."""
        ...


@dataclass(frozen=True)
class GeneratedPrompts:
    """Of the scene world, family by weight."""

    weights: Mapping[Family, float]
    split: Split

    def __call__(self, seed: int) -> AskedPicture:
        rng = np.random.default_rng(seed)
        families = list(self.weights)
        weights = np.array(list(self.weights.values()))
        family = families[rng.choice(len(families), p=weights / weights.sum())]
        _, prompt = sample_prompt(rng, family, self.split)
        return AskedPicture(prompt, seed, {"family": str(family)})


@dataclass(frozen=True)
class ListedPrompts:
    """Of a list, all alike often."""

    rows: tuple[Mapping[str, Any], ...]

    def __call__(self, seed: int) -> AskedPicture:
        row = self.rows[seed_of(seed, "prompt") % len(self.rows)]
        return AskedPicture(row["prompt"], seed, {key: row[key] for key in row if key != "prompt"})


def prompts_of(settings: PromptSettings) -> PromptSource:
    """Raises ValueError for a file without prompts, or with lines that are none."""
    if settings.scenes is not None:
        return GeneratedPrompts(settings.scenes, settings.split)
    assert settings.file is not None
    if not settings.file.is_file():
        raise ValueError(f"prompts.file {settings.file}: no such file")
    rows = []
    for number, line in enumerate(read_lines(settings.file), start=1):
        where = f"{settings.file}, line {number}"
        row = parse_json(line, where)
        prompt = row.get("prompt") if isinstance(row, dict) else None
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError(f'{where}: expected an object such as {{"prompt": "a red star"}}')
        rows.append(row)
    if not rows:
        raise ValueError(f"{settings.file}: no prompts, expected at least one line")
    return ListedPrompts(tuple(rows))
