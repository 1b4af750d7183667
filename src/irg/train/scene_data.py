"""Feeds training with documents of the scene world: pools of prepared episodes, drawn from by mode.

Episodes are kept prepared because encoding a picture costs about as much as a fifth of a training document; a
few of each pool are made anew at every step, so that a long run sees fresh scenes.
"""

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator

from irg.core import Sequence
from irg.data.modes import Dropout, Mode, Noising, Prepared, compose
from irg.data.scenes import (
    PLAN_QUESTION,
    Episode,
    Preparer,
    edit_episode,
    from_sample,
    improving_episode,
    question_episode,
)
from irg.data.store import read_samples

_CHUNK = 64
"""Episodes encoded together."""


@dataclass(frozen=True)
class Mixture:
    """How often each mode is drawn, and how its documents are noised and thinned."""

    weights: dict[Mode, float]
    noising: Noising
    dropout: Dropout

    def draw(self, rng: Generator) -> Mode:
        modes = list(self.weights)
        weights = np.array([self.weights[mode] for mode in modes])
        return modes[rng.choice(len(modes), p=weights / weights.sum())]


@dataclass(frozen=True)
class SampleShares:
    """How many improving documents begin with a picture the model drew itself, and how many of those are
    flawed.

    A model that is mostly right would otherwise learn to say that nothing is wrong without looking.
    """

    own: float
    flawed: float


class Pool:
    """Prepared episodes of one maker."""

    def __init__(
        self, make: Callable[[Generator], Episode], prepare: Preparer, size: int, rng: Generator
    ) -> None:
        self.make, self.prepare = make, prepare
        self.items: list[Prepared] = []
        while len(self.items) < size:
            self.items += prepare([make(rng) for _ in range(min(_CHUNK, size - len(self.items)))])

    def draw(self, rng: Generator) -> Prepared:
        return self.items[rng.integers(len(self.items))]

    def refresh(self, count: int, rng: Generator) -> None:
        if count and self.items:
            for item in self.prepare([self.make(rng) for _ in range(count)]):
                self.items[rng.integers(len(self.items))] = item


class SceneData:
    """Draws documents by mode. The initial modes see only the right picture of an improving episode."""

    def __init__(
        self, mixture: Mixture, prepare: Preparer, pool_size: int, refresh: int, rng: Generator
    ) -> None:
        self.mixture, self.refresh, self.rng = mixture, refresh, rng
        self.plan_question = prepare.tokenizer.encode(PLAN_QUESTION)
        wanted, few = mixture.weights.keys(), max(pool_size // 4, 1)
        self.improving = Pool(improving_episode, prepare, pool_size, rng)
        self.questions = Pool(question_episode, prepare, few if Mode.QUESTION in wanted else 0, rng)
        self.edits = Pool(edit_episode, prepare, few if Mode.EDIT in wanted else 0, rng)
        self.samples: dict[bool, list[Prepared]] = {}
        self.shares = SampleShares(0.0, 0.0)

    def add_samples(self, folders: Seq[Path], shares: SampleShares, prepare: Preparer) -> dict[str, int]:
        """Use pictures the model drew itself as image 1 of improving documents. Returns how many of each."""
        episodes = [
            from_sample(sample.prompt, sample.thought, sample.picture, self.rng)
            for folder in folders
            for sample in read_samples(folder)
        ]
        for flawed in (True, False):
            chosen = [episode for episode in episodes if episode.flawed is flawed]
            chunks = (chosen[start : start + _CHUNK] for start in range(0, len(chosen), _CHUNK))
            self.samples[flawed] = [item for chunk in chunks for item in prepare(chunk)]
        if not all(self.samples.values()):
            counts = {flawed: len(items) for flawed, items in self.samples.items()}
            raise ValueError(
                f"own pictures must be both flawed and right, got {counts[True]} and {counts[False]}"
            )
        self.shares = shares
        return {"flawed": len(self.samples[True]), "right": len(self.samples[False])}

    def documents(self, count: int, generator: torch.Generator) -> list[tuple[Mode, Sequence]]:
        self.improving.refresh(self.refresh, self.rng)
        self.questions.refresh(self.refresh // 4, self.rng)
        self.edits.refresh(self.refresh // 4, self.rng)
        modes = [self.mixture.draw(self.rng) for _ in range(count)]
        mixture = self.mixture
        return [
            (mode, compose(mode, self._trace(mode), mixture.noising, mixture.dropout, generator))
            for mode in modes
        ]

    def _trace(self, mode: Mode) -> Prepared:
        if mode is Mode.QUESTION:
            return self.questions.draw(self.rng)
        if mode is Mode.EDIT:
            return self.edits.draw(self.rng)
        if mode in (Mode.IMPROVING_UNDERSTANDING, Mode.IMPROVING_THINKING, Mode.IMPROVING_FULL):
            if self.rng.random() < self.shares.own:
                chosen = self.samples[bool(self.rng.random() < self.shares.flawed)]
                return chosen[self.rng.integers(len(chosen))]
            return self.improving.draw(self.rng)
        trace = self.improving.draw(self.rng)
        return replace(trace, pictures=trace.pictures[1:], question=self.plan_question)
