"""Feeds training with documents of the scene world: pools of prepared episodes, drawn from by mode.

Episodes are kept prepared because encoding a picture costs about as much as a fifth of a training document; a
few of each pool are made anew at every step, so that a long run sees fresh scenes.
"""

from collections.abc import Callable
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
        self.samples: list[Prepared] = []
        self.sample_share = 0.0

    def add_samples(self, folder: Path, share: float, prepare: Preparer) -> dict[str, int]:
        """Use pictures the model drew itself as image 1 in `share` of the improving documents."""
        episodes, counts = [], {"right": 0, "flawed": 0}
        for sample in read_samples(folder):
            episodes.append(from_sample(sample.prompt, sample.thought, sample.picture, self.rng))
            counts["right" if episodes[-1].thoughts[1].startswith("Nothing is wrong") else "flawed"] += 1
        for start in range(0, len(episodes), _CHUNK):
            self.samples += prepare(episodes[start : start + _CHUNK])
        self.sample_share = share
        return counts

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
            if self.samples and self.rng.random() < self.sample_share:
                return self.samples[self.rng.integers(len(self.samples))]
            return self.improving.draw(self.rng)
        trace = self.improving.draw(self.rng)
        return replace(trace, pictures=trace.pictures[1:], question=self.plan_question)
