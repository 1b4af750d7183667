"""Random numbers of siblings: each has words of its own, and all of them the same noise."""

import torch

from irg.engine import SeededDraws


class TwinDraws:
    """Noise by one seed, words by another."""

    def __init__(self, noise: int | SeededDraws, words: int | SeededDraws) -> None:
        self._noise = noise if isinstance(noise, SeededDraws) else SeededDraws(noise)
        self._words = words if isinstance(words, SeededDraws) else SeededDraws(words)

    def normal(self, *shape: int) -> torch.Tensor:
        return self._noise.normal(*shape)

    def uniform(self) -> float:
        return self._words.uniform()

    def fork(self) -> "TwinDraws":
        return TwinDraws(self._noise.fork(), self._words.fork())
