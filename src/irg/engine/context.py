"""Contexts: what a model has read so far, as segments and cached keys and values.

A context is a value: appending returns a new one, and the old one stays what it was, a shorter view of the
same buffer. So every prefix is a fork that costs nothing; the text branch of guidance is simply the context
from before. Only the longest view can be appended to, since there is one buffer; going back (`rewound`) gives
up what was longer.

Shape suffixes: R rows (contexts of one batch), S slots, Q new tokens per row, G key/value heads,
K head width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from irg.core import Document, Packed, Segment, SpecialTokens, pack
from irg.model import PaddedAttend, Streams, UnifiedModel

GROWTH = 256
"""Buffers grow to the next multiple of this many slots, or double, whichever is more."""


class KeyValueBuffer:
    """Preallocated keys and values of every layer, shared by all views of one batch of contexts."""

    def __init__(self, model: UnifiedModel, num_rows: int, capacity: int) -> None:
        decoder = model.config.decoder
        shape = (2, decoder.num_layers, num_rows, capacity, decoder.num_kv_heads, decoder.head_width)
        self.pairs = torch.zeros(shape, device=model.device, dtype=model.dtype)
        self.tips = [0] * num_rows
        self.rewinds: list[tuple[int, ...]] = []
        """The lengths kept each time that slots were given up: a view that held more is known by them."""

    @property
    def capacity(self) -> int:
        return self.pairs.shape[3]

    def reserve(self, num_slots: int) -> None:
        if num_slots <= self.capacity:
            return
        capacity = max(2 * self.capacity, -(-num_slots // GROWTH) * GROWTH)
        grown = self.pairs.new_zeros(*self.pairs.shape[:3], capacity, *self.pairs.shape[4:])
        grown[:, :, :, : self.capacity] = self.pairs
        self.pairs = grown


@dataclass(frozen=True, eq=False)
class Context:
    """A batch of contexts: per row the filled slots, the position of what comes next, the segments read."""

    buffer: KeyValueBuffer
    lengths: tuple[int, ...]
    positions: tuple[int, ...]
    history: tuple[tuple[Segment, ...], ...]
    epoch: int = 0
    """How often slots had been given up when this view was made."""

    @property
    def num_rows(self) -> int:
        return len(self.lengths)

    @property
    def is_valid(self) -> bool:
        """False for a view of slots that were given up and may have been overwritten."""
        return all(
            length <= kept
            for rewind in self.buffer.rewinds[self.epoch :]
            for length, kept in zip(self.lengths, rewind, strict=True)
        )

    def rewound(self) -> "Context":
        """This view as the tip again: whatever was appended to it is given up."""
        assert self.is_valid, "a view of slots that were given up"
        self.buffer.tips = list(self.lengths)
        self.buffer.rewinds.append(self.lengths)
        return replace(self, epoch=len(self.buffer.rewinds))

    def advanced(
        self, num_tokens: Sequence[int], advances: Sequence[int], segments: Sequence[tuple[Segment, ...]]
    ) -> "Context":
        """The view that also holds tokens just written by a `Cache` opened for writing."""
        lengths = tuple(old + new for old, new in zip(self.lengths, num_tokens, strict=True))
        self.buffer.tips = list(lengths)
        return replace(
            self,
            lengths=lengths,
            positions=tuple(old + new for old, new in zip(self.positions, advances, strict=True)),
            history=tuple(old + new for old, new in zip(self.history, segments, strict=True)),
            epoch=len(self.buffer.rewinds),
        )

    def reader(self) -> "Cache":
        """A cache for attention that leaves the context as it is, as drawing needs."""
        return Cache(self, writes=False)

    def writer(self, num_new: int) -> "Cache":
        """A cache for attention that stores up to `num_new` tokens per row behind the tip."""
        if list(self.lengths) != self.buffer.tips:
            raise ValueError(
                f"only the tip of a context can be appended to: this view has lengths {list(self.lengths)}, "
                f"the tip is at {self.buffer.tips}"
            )
        self.buffer.reserve(max(self.lengths) + num_new)
        return Cache(self, writes=True)


class Cache:
    """One pass of attention over a context, for `PaddedAttend`."""

    def __init__(self, context: Context, writes: bool) -> None:
        assert context.is_valid, "a view of slots that were given up"
        self.buffer = context.buffer
        self.lengths_R = torch.tensor(context.lengths, device=context.buffer.pairs.device)
        self.longest = max(context.lengths)
        self.uniform = len(set(context.lengths)) == 1
        self.writes = writes

    def extend(
        self, layer: int, key_RQGK: torch.Tensor, value_RQGK: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cached slots, then the new tokens; stores the new ones if this is a writing pass.

        Padding behind a row's own new tokens is stored too, past what the row then counts as filled: the next
        append overwrites it.
        """
        keys, values = self.buffer.pairs[0, layer], self.buffer.pairs[1, layer]
        num_new = key_RQGK.shape[1]
        if self.writes and self.uniform:
            fresh = slice(self.longest, self.longest + num_new)
            keys[:, fresh], values[:, fresh] = key_RQGK, value_RQGK
            return keys[:, : fresh.stop], values[:, : fresh.stop]
        both = (
            torch.cat([keys[:, : self.longest], key_RQGK], dim=1),
            torch.cat([values[:, : self.longest], value_RQGK], dim=1),
        )
        if self.writes:
            slot_RQ = self.lengths_R[:, None] + torch.arange(num_new, device=self.lengths_R.device)
            row_R1 = torch.arange(len(slot_RQ), device=slot_RQ.device)[:, None]
            keys[row_R1, slot_RQ], values[row_R1, slot_RQ] = key_RQGK, value_RQGK
        return both


def new_context(model: UnifiedModel, num_rows: int = 1, capacity: int = GROWTH) -> Context:
    """An empty context of so many rows."""
    buffer = KeyValueBuffer(model, num_rows, capacity)
    return Context(buffer, (0,) * num_rows, (0,) * num_rows, ((),) * num_rows)


def append(
    model: UnifiedModel, context: Context, documents: Sequence[tuple[Segment, ...]], special: SpecialTokens
) -> Context:
    """Let every row read some more segments; NOISY ones are refused, since nothing may see those later."""
    if len(documents) != context.num_rows:
        raise ValueError(f"{len(documents)} documents for a context of {context.num_rows} rows")
    if not any(documents):
        return context
    packed = pack([Document(document) for document in documents], special, context.positions).to(model.device)
    if bool(packed.noisy_M.any()):
        raise ValueError("a NOISY segment never enters a context")
    read_packed(model, context, packed)
    return context.advanced(packed.document_lengths, packed.document_advances, documents)


def read_packed(model: UnifiedModel, context: Context, packed: Packed) -> Streams:
    """Run a packed row behind the tip, storing keys and values; the caller then moves it with `advanced`."""
    return model(packed, PaddedAttend(packed, context.writer(max(packed.document_lengths))))
