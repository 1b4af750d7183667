"""The mixture: which sample comes next. A seeded draw over streams, each in an order of its own.

Every random number depends on the seed and on a count, so that the counts are all there is to save.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from irg.data.lengths import Measured
from irg.data.prepare import seed_of
from irg.data.source import RowError, Source
from irg.data.streams import Elsewhere, Rejected

_BLOCK = 4096
"""Draws whose random numbers are made at once."""
_HOPELESS = 1000
"""Unusable rows of a virtual stream in a row, after which it is an error."""


@dataclass(frozen=True, slots=True)
class SampleRef:
    """One document of the plan: a row of a stream, as it is seen in one epoch."""

    stream: str
    epoch: int
    index: int
    length: int
    """Tokens, nothing dropped."""

    def seed(self, run_seed: int) -> int:
        """Decides everything that is random about the sample, whoever makes it."""
        return sample_seed(run_seed, self.stream, self.epoch, self.index)


def sample_seed(run_seed: int, stream: str, epoch: int, index: int) -> int:
    return seed_of(run_seed, "sample", stream, epoch, index)


@dataclass(frozen=True)
class Window:
    """How much is shuffled together: so many groups of a source, and no more than so many bytes, but one
    group in any case. Readers keep two windows in memory (`irg.data.rows`)."""

    groups: int
    num_bytes: int = 128 << 20

    def numbers(self, group_bytes: Sequence[int]) -> np.ndarray:
        """The window that each group belongs to, of groups in the order in which they come."""
        numbers, number, count, total = np.zeros(len(group_bytes), dtype=np.int64), 0, 0, 0
        for place, size in enumerate(group_bytes):
            if count == self.groups or (count and total + size > self.num_bytes):
                number, count, total = number + 1, 0, 0
            numbers[place] = number
            count, total = count + 1, total + size
        return numbers


def epoch_order(usable: np.ndarray, source: Source, window: Window, seed: int) -> np.ndarray:
    """The rows in the order of one epoch: groups are shuffled, then the rows within each window of groups.

    So every row comes once, and reads stay within a few groups at a time.
    """
    random = np.random.default_rng(seed)
    groups = np.searchsorted(np.cumsum(source.group_sizes), usable, side="right")
    places = random.permutation(len(source.group_sizes))
    numbers = window.numbers(np.asarray(source.group_bytes)[np.argsort(places)].tolist())
    return usable[np.lexsort((random.random(len(usable)), numbers[places[groups]]))]


class Cursor:
    """A place in one stream's endless course of epochs, or of `epochs` of them."""

    def __init__(self, measured: Measured, seed: int, window: Window, epochs: int | None = None) -> None:
        self.measured, self.stream = measured, measured.stream
        self.epoch, self.position = 0, 0
        self.rejected: list[Rejected] = []
        """Rows of a virtual stream that were found unusable and passed over, until somebody takes them."""
        self._seed, self._window, self._epochs = seed, window, epochs
        self._usable = measured.lengths.usable
        self._order: tuple[int, list[int]] | None = None
        self._proven = False
        if not len(self._usable):
            raise ValueError(f"stream {self.stream.name} is empty")

    @property
    def ended(self) -> bool:
        """Whether the last epoch is over."""
        if self._epochs is None:
            return False
        return (self.epoch, self.position) >= (self._epochs - 1, len(self._usable))

    def draw(self) -> SampleRef | None:
        """The next sample, or None after the last epoch.

        Raises ValueError for a virtual stream in which usable rows seem not to exist.
        """
        for _ in range(_HOPELESS):
            if self.ended:
                if not self._proven:
                    break
                return None
            if self.position == len(self._usable):
                self.epoch, self.position = self.epoch + 1, 0
            index = self._rows()[self.position]
            self.position += 1
            try:
                return self.sample(self.epoch, index)
            except Elsewhere:
                continue
            except RowError as error:
                self.rejected.append(Rejected(self.stream.name, error))
        why = f"the last: {self.rejected[-1].error}" if self.rejected else "they are meant for other modes"
        raise ValueError(f"stream {self.stream.name} finds no row that it can use, {why}")

    def sample(self, epoch: int, index: int) -> SampleRef:
        """A row as it is seen in an epoch. Raises RowError or Elsewhere for one of a virtual stream."""
        choice = sample_seed(self._seed, self.stream.name, epoch, index)
        length = self.measured.lengths.length(index, choice)
        self._proven = True
        return SampleRef(self.stream.name, epoch, index, length)

    def go_to(self, epoch: int, position: int) -> None:
        """Go on from a place at which a cursor was."""
        self.epoch, self.position, self._proven = epoch, position, True

    def _rows(self) -> list[int]:
        if self._order is None or self._order[0] != self.epoch:
            seed = seed_of(self._seed, "order", self.stream.name, self.epoch)
            order = epoch_order(self._usable, self.stream.source, self._window, seed)
            self._order = self.epoch, order.tolist()
        return self._order[1]


class Mixture:
    """Draws samples from streams by their weights, until each has had its `epochs`; forever without."""

    def __init__(
        self, streams: Sequence[Measured], seed: int, window: Window, epochs: int | None = None
    ) -> None:
        self.cursors = {one.stream.name: Cursor(one, seed, window, epochs) for one in streams}
        self._seed = seed
        self._draws = 0
        self._block: tuple[int, list[float]] | None = None
        self._open: list[Cursor] = []
        self._bounds: list[float] = []
        self._reopen(list(self.cursors.values()))

    def draw(self) -> SampleRef | None:
        """A sample of the next stream in the mixture, or None when all have ended."""
        while self._open:
            place = bisect_right(self._bounds, self._uniform() * self._bounds[-1])
            cursor = self._open[min(place, len(self._open) - 1)]  # the product may round up to the last bound
            sample = cursor.draw()
            if sample is not None:
                return sample
            self._reopen([one for one in self._open if one is not cursor])
        return None

    def draw_from(self, stream: str) -> SampleRef | None:
        """The next sample of one stream, out of turn; None if it has ended."""
        return self.cursors[stream].draw()

    def take_rejected(self) -> tuple[Rejected, ...]:
        """Rows found unusable since the last call."""
        rejected = tuple(one for cursor in self.cursors.values() for one in cursor.rejected)
        for cursor in self.cursors.values():
            cursor.rejected.clear()
        return rejected

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        places = {name: [cursor.epoch, cursor.position] for name, cursor in self.cursors.items()}
        return {"draws": self._draws, "places": places, "open": [one.stream.name for one in self._open]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._draws = state["draws"]
        for name, (epoch, position) in state["places"].items():
            self.cursors[name].go_to(epoch, position)
        # A stream that has ended is still open until a draw meets its end; one that had ended goes on if
        # there are more epochs now.
        names = set(state["open"])
        self._reopen([one for name, one in self.cursors.items() if name in names or not one.ended])

    def _reopen(self, cursors: list[Cursor]) -> None:
        self._open = cursors
        self._bounds = list(accumulate(cursor.stream.weight for cursor in cursors))

    def _uniform(self) -> float:
        block, place = divmod(self._draws, _BLOCK)
        if self._block is None or self._block[0] != block:
            random = np.random.default_rng(seed_of(self._seed, "mixture", block))
            self._block = block, random.random(_BLOCK).tolist()
        self._draws += 1
        return self._block[1][place]
