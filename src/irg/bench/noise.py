"""Random numbers of an episode whose noise can be had again, so that variants of a turn begin alike."""

from collections import Counter
from collections.abc import Iterable

import torch

from irg.engine import Draws, SeededDraws


class PairedDraws:
    """Noise is known by its shape and how many of that shape came before, so that it stays the same whatever
    else a variant leaves out. Words are drawn by a generator of one's own.
    """

    def __init__(self, draws: SeededDraws) -> None:
        self._draws = draws
        self._known: dict[tuple[int, ...], list[torch.Tensor]] = {}
        self._taken: Counter[tuple[int, ...]] = Counter()

    def fork(self) -> "PairedDraws":
        """Draws that go on from here; noise that either has drawn, the other finds."""
        forked = PairedDraws(self._draws.fork())
        forked._known, forked._taken = self._known, self._taken.copy()
        return forked

    def normal(self, *shape: int) -> torch.Tensor:
        known = self._known.setdefault(shape, [])
        if self._taken[shape] == len(known):
            known.append(self._draws.normal(*shape))
        self._taken[shape] += 1
        return known[self._taken[shape] - 1]

    def uniform(self) -> float:
        return self._draws.uniform()


def fork(draws: Iterable[Draws]) -> list[PairedDraws]:
    """Paired draws as they now are, to come back to."""
    copies = []
    for one in draws:
        assert isinstance(one, PairedDraws)
        copies.append(one.fork())
    return copies
