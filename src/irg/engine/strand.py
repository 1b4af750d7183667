"""Strands: rows of context as values. What a model has read so far, as segments and cached keys and values.

A strand is a view of a slot: so many tokens of it. Appending returns a longer strand and leaves the old one
what it was, so every beginning of a strand is a fork that costs nothing, and the text branch of guidance is
simply the strand from before. Whoever goes on from the tip of a slot writes in place. Whoever goes on from
anywhere else, or runs out of room, or shares the tip with another row of the same batch, goes on in a slot of
its own, to which the beginning is copied once (`with_room`). So nothing that is held ever becomes invalid. An
image, which is seen by nobody else, is drawn behind a beginning without a copy: in the slot's margin.

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


def new_strands(pool: SlotPool, num: int = 1, room: int = GROWTH, margin: int = 0) -> tuple[Strand, ...]:
    """So many strands that have read nothing, with room for so many tokens each, and for so many before
    them."""
    return tuple(Strand(slot) for slot in pool.take(num, room, margin))


def copies(strand: Strand, num: int, room: int = GROWTH, margin: int = 0) -> tuple[Strand, ...]:
    """So many strands that have read the same, in neighbouring slots with room for so many tokens each, and
    for so many before them."""
    slots = strand.slot.slab.pool.take(num, max(room, strand.length), margin)
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


def with_room(
    strands: Sequence[Strand], num_new: Sequence[int], spare: int | None = None
) -> tuple[Strand, ...]:
    """The same strands, each at the tip of a slot that no other has, with room for so many more tokens.

    Those that have that stay where they are; the others go to neighbouring slots, with a copy of what they
    hold, and `spare` room besides. Where nothing is said of that, they go on as they began: with a margin.
    """
    return _placed(strands, num_new, spare, frozenset())


def to_draw_behind(strands: Sequence[Strand], num_new: Sequence[int]) -> tuple[Strand, ...]:
    """The same strands for images of so many tokens, which nobody will see: those that are beginnings stay
    where they are if the margin of their slot is large enough and nobody else's."""
    margins: dict[int, int] = {}
    for row, (strand, num) in enumerate(zip(strands, num_new, strict=True)):
        if not strand.is_tip and num <= strand.slot.margin:
            margins.setdefault(id(strand.slot), row)
    return _placed(strands, num_new, 0, frozenset(margins.values()))


def _placed(
    strands: Sequence[Strand], num_new: Sequence[int], spare: int | None, fixed: frozenset[int]
) -> tuple[Strand, ...]:
    """As `with_room`; the `fixed` rows stay as they are."""
    tips = Counter(id(strand.slot) for strand in strands if strand.is_tip)
    needed = [strand.length + num for strand, num in zip(strands, num_new, strict=True)]
    free = [row for row in range(len(strands)) if row not in fixed]
    moving = [row for row in free if _must_move(strands[row], tips, needed[row])]
    ready = list(strands)
    if moving:
        room = max(_room_after(strands[row], needed[row]) for row in moving) + (spare or 0)
        margin = max(strands[row].slot.margin for row in moving) if spare is None else 0
        slots = strands[0].slot.slab.pool.take(len(moving), room, margin)
        for row, slot in zip(moving, slots, strict=True):
            ready[row] = _moved(strands[row], slot)
    for row in free:
        slot = ready[row].slot
        slot.slab.used[slot.row] = max(slot.slab.used[slot.row], needed[row])
    return tuple(ready)


def _must_move(strand: Strand, tips: Counter[int], needed: int) -> bool:
    return not strand.is_tip or tips[id(strand.slot)] > 1 or needed > strand.slot.room


def _room_after(strand: Strand, needed: int) -> int:
    """Room that a strand asks for when it moves: one that outgrew its slot is likely to grow on."""
    return max(needed, 2 * strand.slot.room) if needed > strand.slot.room else needed


def _moved(strand: Strand, slot: Slot) -> Strand:
    old, new = strand.slot.slab.pairs, slot.slab.pairs
    new[:, :, slot.row, : strand.length] = old[:, :, strand.slot.row, : strand.length]
    slot.tip = strand.length
    return replace(strand, slot=slot)
