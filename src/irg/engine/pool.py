"""The pool: where keys and values of everything that is being read or drawn lie.

A slab is one block of memory of so many rows, and a slot is one of its rows. Neither ever moves or grows: who
needs more room takes another slot. A slot is given back when nobody holds it any more, and a slab goes when
none of its slots is held, so nothing is ever closed by hand.

A slot can have a margin before its first token. Attention does not care in which order keys lie, so an image
is drawn there behind any beginning of what the slot holds, such as the text branch of guidance, and nothing
is copied for it.

A pool belongs to one thread, and so does all that goes on in it: strands of one pool are never read, written
behind or let go by two threads at a time. A server has one worker, which puts the batches together.

Shape suffixes: L layers, R rows, S slots for tokens (with the margin), G key/value heads, K head width, B
bytes.
"""

from collections.abc import Iterator
from math import prod
from weakref import WeakSet

import numpy as np
import torch

from irg.model import UnifiedModel

GROWTH = 256
"""Rows have room for a multiple of so many tokens."""


class Slab:
    """Rows of equal room: keys and values of all layers, [L, 2, R, S, G, K]."""

    def __init__(self, pool: "SlotPool", num_rows: int, room: int, margin: int = 0) -> None:
        self.pool, self.margin, decoder = pool, margin, pool.model.config.decoder
        shape = (decoder.num_layers, 2, num_rows, margin + room, decoder.num_kv_heads, decoder.head_width)
        # A plain tensor, in whatever mode it is made, can be written to in every mode.
        with torch.inference_mode(False):
            self.whole = _zeros(shape, pool.model.dtype, pool.model.device)
            self.pairs = self.whole[:, :, :, margin:]
            """Without the margins: where tokens are counted from 0."""
        self.is_free = [True] * num_rows
        self.used = [0] * num_rows
        """How far each row has been written to since it was last clean."""

    @property
    def num_rows(self) -> int:
        return self.pairs.shape[2]

    @property
    def room(self) -> int:
        return self.pairs.shape[3]

    def run_of(self, num: int) -> int | None:
        """The first of so many neighbouring free rows, if there are any."""
        starts = range(self.num_rows - num + 1)
        return next((first for first in starts if all(self.is_free[first : first + num])), None)

    def take(self, first: int, num: int) -> tuple["Slot", ...]:
        """Slots of neighbouring rows. They are clean: what is no number would spread through masks."""
        for row in range(first, first + num):
            if self.used[row]:
                self.pairs[:, :, row, : self.used[row]].zero_()
            self.is_free[row], self.used[row] = False, 0
        return tuple(Slot(self, row) for row in range(first, first + num))


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """On a CPU they take no memory before they are written to, which those of torch do."""
    if device.type != "cpu":
        return torch.zeros(shape, device=device, dtype=dtype)
    zero_B = torch.from_numpy(np.zeros(prod(shape) * dtype.itemsize, np.uint8))
    return zero_B.view(dtype).view(shape)


class Slot:
    """A row of a slab, held by the strands that are views of it.

    `tip` is where the longest of them ends. What lies before it stays as it is; what is behind it anyone may
    write over in the middle of a pass, as drawing does.
    """

    def __init__(self, slab: Slab, row: int) -> None:
        self.slab, self.row, self.tip = slab, row, 0

    def __del__(self) -> None:
        self.slab.is_free[self.row] = True

    @property
    def room(self) -> int:
        return self.slab.room

    @property
    def margin(self) -> int:
        return self.slab.margin


class SlotPool:
    """Slots for the contexts of one model, for one thread."""

    def __init__(self, model: UnifiedModel, compiled: bool = False) -> None:
        self.model, self.compiled = model, compiled
        """And whether steps in it have tensors that stay in place, which a GPU runs as graphs."""
        self._slabs: WeakSet[Slab] = WeakSet()

    def __reduce__(self) -> tuple[type["SlotPool"], tuple[UnifiedModel, bool]]:
        """In another process it begins anew: slots are held by what stays in this one."""
        return SlotPool, (self.model, self.compiled)

    def __iter__(self) -> Iterator[Slab]:
        return iter(self._slabs)

    def reserve(self, num_rows: int, room: int, margin: int = 0) -> Slab:
        """A slab that is there before it is needed, for as long as the caller holds it."""
        slab = Slab(self, num_rows, -(-room // GROWTH) * GROWTH, margin)
        self._slabs.add(slab)
        return slab

    def take(self, num_rows: int, room: int, margin: int = 0) -> tuple[Slot, ...]:
        """Neighbouring slots with room for so many tokens each, and so many before them, of a slab that has
        them or of a new one."""
        for slab in sorted(self._slabs, key=lambda slab: (slab.room, slab.margin)):
            fits = slab.room >= room and slab.margin >= margin
            if fits and (first := slab.run_of(num_rows)) is not None:
                return slab.take(first, num_rows)
        return self.reserve(num_rows, room, margin).take(0, num_rows)
