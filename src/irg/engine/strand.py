"""Strands: rows of context as values. What a model has read so far, as segments and cached keys and values.

A strand is a view of a slot: so many tokens of it. Appending returns a longer strand and leaves the old one
what it was, so every beginning of a strand is a fork that costs nothing, and the text branch of guidance is
simply the strand from before. Whoever goes on from the tip of a slot writes in place. Whoever goes on from
anywhere else, or runs out of room, or shares the tip with another row of the same batch, goes on in a slot of
its own, to which the beginning is copied once (`with_room`). So nothing that is held ever becomes invalid.

A batch is a tuple of strands, put together for each pass; they may have read different things.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from irg.core import Segment
from irg.engine.pool import GROWTH, Slot, SlotPool


@dataclass(frozen=True, eq=False)
class Strand:
    """One row of context: the slot it is in, how many tokens of that are its own, the position of what comes
    next, the segments read. Of a text that is being written the tokens are there before the segment is."""

    slot: Slot
    length: int = 0
    position: int = 0
    history: tuple[Segment, ...] = ()

    @property
    def is_tip(self) -> bool:
        """Whether nothing longer lies in the slot, so that it can be written behind."""
        return self.slot.tip == self.length

    def upto(self, num_segments: int) -> "Strand":
        """The strand that has read only the first so many segments."""
        kept = self.history[:num_segments]
        length = sum(segment.num_tokens for segment in kept)
        return Strand(self.slot, length, sum(segment.advance for segment in kept), kept)

    def advanced(self, num_tokens: int, advance: int, segments: tuple[Segment, ...] = ()) -> "Strand":
        """The strand that also holds the tokens that were just written behind this one."""
        assert self.is_tip, "only the tip of a slot can be written behind"
        self.slot.tip = self.length + num_tokens
        return Strand(self.slot, self.slot.tip, self.position + advance, self.history + segments)


def new_strands(pool: SlotPool, num: int = 1, room: int = GROWTH) -> tuple[Strand, ...]:
    """So many strands that have read nothing, with room for so many tokens each."""
    return tuple(Strand(slot) for slot in pool.take(num, room))


def copies(strand: Strand, num: int, room: int = GROWTH) -> tuple[Strand, ...]:
    """So many strands that have read the same, in neighbouring slots with room for so many tokens each."""
    slots = strand.slot.slab.pool.take(num, max(room, strand.length))
    return tuple(_moved(strand, slot) for slot in slots)


def longest_beginning(strands: Sequence[Strand], history: tuple[Segment, ...]) -> Strand | None:
    """Of strands that have read a beginning of `history`, the view that has read most of it; None where no
    first segment is the same. Segments are the same only if they are the same object."""
    best: Strand | None = None
    for strand in strands:
        pairs = zip(strand.history, history, strict=False)
        num = next((place for place, (ours, wanted) in enumerate(pairs) if ours is not wanted), None)
        num = min(len(strand.history), len(history)) if num is None else num
        if num and (best is None or num > len(best.history)):
            best = strand if num == len(strand.history) else strand.upto(num)
    return best


def with_room(strands: Sequence[Strand], num_new: Sequence[int], spare: int = 0) -> tuple[Strand, ...]:
    """The same strands, each at the tip of a slot that no other has, with room for so many more tokens.

    Those that have that stay where they are; the others go to neighbouring slots, with a copy of what they
    hold, and `spare` room besides.
    """
    tips = Counter(id(strand.slot) for strand in strands if strand.is_tip)
    needed = [strand.length + num for strand, num in zip(strands, num_new, strict=True)]
    moving = [
        row
        for row, (strand, room) in enumerate(zip(strands, needed, strict=True))
        if not strand.is_tip or tips[id(strand.slot)] > 1 or room > strand.slot.room
    ]
    ready = list(strands)
    if moving:
        room = max(_room_after(strands[row], needed[row]) for row in moving) + spare
        slots = strands[0].slot.slab.pool.take(len(moving), room)
        for row, slot in zip(moving, slots, strict=True):
            ready[row] = _moved(strands[row], slot)
    for strand, room in zip(ready, needed, strict=True):
        slab, row = strand.slot.slab, strand.slot.row
        slab.used[row] = max(slab.used[row], room)
    return tuple(ready)


def _room_after(strand: Strand, needed: int) -> int:
    """Room that a strand asks for when it moves: one that outgrew its slot is likely to grow on."""
    return max(needed, 2 * strand.slot.room) if needed > strand.slot.room else needed


def _moved(strand: Strand, slot: Slot) -> Strand:
    old, new = strand.slot.slab.pairs, slot.slab.pairs
    new[:, :, slot.row, : strand.length] = old[:, :, strand.slot.row, : strand.length]
    slot.tip = strand.length
    return replace(strand, slot=slot)
