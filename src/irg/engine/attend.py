"""Attention of one pass over a batch of strands: new keys and values are written in place behind the strands,
and every new token attends to what its row then holds, without masks where it may see all of that.

What is written where, and who sees how much, is decided once per pass from lengths and kinds, on the host.
Rows that are alike and lie side by side, in the packed row as in a slab, go through as one; single tokens do
so too where the rows are of different lengths, under a mask.

Shape suffixes: T tokens of one stream, R rows of a group, N tokens of a part, S slots, H heads, G key/value
heads, K head width, A all heads' values of a token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch.nn import functional

from irg.core import Kind, Segment
from irg.engine.strand import Strand
from irg.model import Projected

MOST_PADDED = 2
"""Single tokens go through as one with rows that are up to so many times as long."""


class Lane(IntEnum):
    """Where tokens stand in the streams. Texts and delimiters, then patches, are the understanding one."""

    TEXT = 0
    PATCH = 1
    LATENT = 2


@dataclass(frozen=True)
class Part:
    """Tokens of a segment that stand side by side in a lane. Slots are counted from the strand's length."""

    lane: Lane
    num: int
    slots: tuple[int, int]
    """The first of its slots, and from each to the next."""
    sees: int
    """Its last token sees what the strand holds and so many new slots."""
    causal: bool
    """Whether each token before the last sees one slot less than the next, or as much as the last."""


Parts = tuple[Part, ...]


def text_parts(num: int, first: int = 0) -> Parts:
    """A run of text, delimiters included."""
    return (Part(Lane.TEXT, num, (first, 1), first + num, causal=num > 1),)


def parts_of(segments: Sequence[Segment]) -> Parts:
    """What the segments are made up of, in the order in which each lane has them."""
    parts: list[Part] = []
    first = 0
    for segment in segments:
        num = segment.num_tokens
        if segment.kind is Kind.TEXT:
            parts += text_parts(num, first)
        else:
            lane = Lane.PATCH if segment.kind is Kind.VIEW else Lane.LATENT
            sees = first + num
            parts.append(Part(Lane.TEXT, 2, (first, num - 1), sees, causal=False))
            parts.append(Part(lane, num - 2, (first + 1, 1), sees, causal=False))
        first += num
    return tuple(parts)


@dataclass(frozen=True, eq=False)
class Place:
    """Where a part of a group's rows is found in its stream, and, per layer, what it writes and reads."""

    is_latent: bool
    first: int
    """Of the first row's tokens of this lane, in the stream."""
    per_row: int
    """Tokens that each row has there."""
    offset: int
    num: int
    num_rows: int
    written: tuple[torch.Tensor, ...]
    """[R, N, G, K]: keys and values of layer 0, of layer 1, ...; or all slots, to write `slot_R` of them."""
    seen: tuple[torch.Tensor, ...]
    """[R, G, S, K], in the same order."""
    mask: torch.Tensor | None
    is_causal: bool
    slot_R: tuple[torch.Tensor, torch.Tensor] | None = None
    """Row and slot of each row's single token, where rows are of different lengths."""

    def store(self, index: int, values_T: torch.Tensor) -> None:
        if self.slot_R is None:
            self.written[index].copy_(self.of(values_T))
        else:
            self.written[index].index_put_(self.slot_R, self.of(values_T)[:, 0])

    def of(self, values_T: torch.Tensor) -> torch.Tensor:
        """[R, N, ...]: this part of a stream's values."""
        run = values_T[self.first : self.first + self.num_rows * self.per_row]
        rows = run.unflatten(0, (self.num_rows, self.per_row))
        return rows if self.num == self.per_row else rows[:, self.offset : self.offset + self.num]


class PlacedAttend:
    """Attention of a pass whose places are known."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        in_order = sorted(places, key=lambda place: place.first)
        self._of_stream = tuple(
            [place for place in in_order if place.is_latent == is_latent] for is_latent in (False, True)
        )
        self._is_even = tuple(
            all(place.num == place.per_row for place in stream) for stream in self._of_stream
        )

    def __call__(
        self, layer: int, understood: Projected | None, generated: Projected | None
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        self.store(layer, understood, generated)
        return self._attended(layer, understood, False), self._attended(layer, generated, True)

    def store(self, layer: int, understood: Projected | None, generated: Projected | None) -> None:
        """Write keys and values of a layer; those of a stream that is None are written by others, or are
        none."""
        for place in self.places:
            if (stream := generated if place.is_latent else understood) is not None:
                place.store(2 * layer, stream.key_TGK)
                place.store(2 * layer + 1, stream.value_TGK)

    def _attended(self, layer: int, stream: Projected | None, is_latent: bool) -> torch.Tensor | None:
        """[T, A], or None of a stream that asks nothing."""
        if stream is None or (query_THK := stream.query_THK) is None:
            return None
        places = self._of_stream[is_latent]
        seen = [_attend(place, layer, query_THK) for place in places]
        width = query_THK.shape[1] * query_THK.shape[2]
        if self._is_even[is_latent]:
            flat = [one.reshape(-1, width) for one in seen]
            if len(flat) == 1:
                return flat[0]
            return torch.cat(flat) if flat else query_THK.new_empty(0, width)
        attended_TA = query_THK.new_empty(len(query_THK), width)
        for place, one in zip(places, seen, strict=True):
            place.of(attended_TA).copy_(one.flatten(2))
        return attended_TA


class StrandAttend(PlacedAttend):
    """Attention of a pass whose row r goes on from `strands[r]` with the parts `rows[r]`.

    The strands are at the tips of slots of their own (`with_room`), and the packed row holds their new tokens
    in the same order. It can be run any number of times, as drawing does: tips are not moved. An image that
    is drawn can also go on from a beginning, in the margin of its slot (`to_draw_behind`).
    """

    def __init__(self, strands: Sequence[Strand], rows: Sequence[Parts]) -> None:
        self.strands = tuple(strands)
        self.behind = [strand for strand in strands if strand.is_tip]
        """The others are drawn behind in margins, and stay what they are."""
        counts = [[_count(parts, lane) for lane in Lane] for parts in rows]
        texts = sum(count[Lane.TEXT] for count in counts)
        at = [0, texts, 0]
        places: list[Place] = []
        for first, last in _alike(strands, rows):
            places += _places(strands[first:last], rows[first], at, counts[first])
            for lane in Lane:
                at[lane] += (last - first) * counts[first][lane]
        super().__init__(places)

    @property
    def is_current(self) -> bool:
        """Whether nobody has written behind the strands since: else running it would overwrite that."""
        return all(strand.is_tip for strand in self.behind)


def _attend(place: Place, layer: int, query_THK: torch.Tensor) -> torch.Tensor:
    """[R, N, H, K]"""
    query_RNHK = place.of(query_THK)
    key_RGSK, value_RGSK = place.seen[2 * layer], place.seen[2 * layer + 1]
    if place.num == 1:
        # The heads that share keys and values are as many queries of one head: those are read once.
        grouped_RGNK = query_RNHK[:, 0].unflatten(1, (key_RGSK.shape[1], -1))
        seen_RGNK = functional.scaled_dot_product_attention(
            grouped_RGNK, key_RGSK, value_RGSK, attn_mask=place.mask
        )
        return seen_RGNK.flatten(1, 2)[:, None]
    query_RHNK = query_RNHK.transpose(1, 2)
    output_RHNK = functional.scaled_dot_product_attention(
        query_RHNK,
        key_RGSK,
        value_RGSK,
        attn_mask=place.mask,
        is_causal=place.is_causal,
        enable_gqa=query_RHNK.shape[1] != key_RGSK.shape[1],
    )
    return output_RHNK.transpose(1, 2)


def _count(parts: Parts, lane: Lane) -> int:
    return sum(part.num for part in parts if part.lane is lane)


def _alike(strands: Sequence[Strand], rows: Sequence[Parts]) -> Iterator[tuple[int, int]]:
    """Runs of rows, from one to before the other, that have the same to do at the same place of neighbouring
    slots; or a single token at places that are not too different."""
    first = 0
    for row in range(1, len(rows) + 1):
        if row == len(rows) or not _continues(strands, rows, first, row):
            yield first, row
            first = row


def _continues(strands: Sequence[Strand], rows: Sequence[Parts], first: int, row: int) -> bool:
    ours, theirs = strands[row], strands[first]
    if rows[row] != rows[first] or ours.slot.slab is not theirs.slot.slab or ours.is_tip != theirs.is_tip:
        return False
    if ours.slot.row - theirs.slot.row != row - first:
        return False
    lengths = [strand.length for strand in strands[first : row + 1]]
    if rows[row] == text_parts(1):
        return max(lengths) <= MOST_PADDED * min(lengths)
    return max(lengths) == min(lengths)


def _places(
    strands: Sequence[Strand], parts: Parts, at: Sequence[int], counts: Sequence[int]
) -> Iterator[Place]:
    """The parts of rows that are alike; `at` says where their tokens begin in the lanes."""
    slab, row, length = strands[0].slot.slab, strands[0].slot.row, strands[0].length
    pairs = slab.whole[:, :, row : row + len(strands)].flatten(0, 1)
    # New tokens lie behind the strand, or right before it, at the end of the margin.
    if strands[0].is_tip:
        pairs, tip = pairs[:, :, slab.margin :], length
    else:
        num_new = parts[-1].sees
        is_image = len(parts) == 2 and parts[-1].lane is Lane.LATENT
        assert is_image and num_new <= slab.margin, "a strand that has been written behind"
        pairs, tip = pairs[:, :, slab.margin - num_new :], 0
    if any(strand.length != length for strand in strands):
        yield _ragged(strands, pairs, at[Lane.TEXT])
        return
    offsets = [0, 0, 0]
    for part in parts:
        first, step = tip + part.slots[0], part.slots[1]
        end = length + part.sees
        mask, is_causal = None, False
        if part.causal:
            is_causal = end == part.num
            mask = None if is_causal else _lower_right(part.num, end, pairs)
        yield Place(
            part.lane is Lane.LATENT,
            at[part.lane],
            counts[part.lane],
            offsets[part.lane],
            part.num,
            len(strands),
            pairs[:, :, first : first + step * (part.num - 1) + 1 : step].unbind(0),
            pairs[:, :, :end].transpose(2, 3).unbind(0),
            mask,
            is_causal,
        )
        offsets[part.lane] += part.num


def _ragged(strands: Sequence[Strand], pairs: torch.Tensor, first: int) -> Place:
    """A single token of each row, behind rows of different lengths."""
    lengths = [strand.length for strand in strands]
    length_R = torch.tensor(lengths, device=pairs.device)
    return token_place(pairs, length_R, seen_slots(length_R, max(lengths) + 1), first)


def seen_slots(length_R: torch.Tensor, num: int) -> torch.Tensor:
    """[R, 1, 1, num]: which slots a token sees that comes behind so many others."""
    return (torch.arange(num, device=length_R.device) <= length_R[:, None])[:, None, None]


def token_place(
    pairs: torch.Tensor, length_R: torch.Tensor, mask_R11S: torch.Tensor, first: int = 0
) -> Place:
    """A single token of each row of `pairs` [L * 2, R, S, G, K], behind so many others, under the mask."""
    num_rows, num_slots = len(length_R), mask_R11S.shape[-1]
    return Place(
        False,
        first,
        1,
        0,
        1,
        num_rows,
        pairs.unbind(0),
        pairs[:, :, :num_slots].transpose(2, 3).unbind(0),
        mask_R11S,
        False,
        (torch.arange(num_rows, device=pairs.device), length_R),
    )


def _lower_right(num: int, end: int, like: torch.Tensor) -> torch.Tensor:
    """[N, S]: the last of the new tokens sees every slot, each one before it one less."""
    last = torch.arange(end - num, end, device=like.device)
    return torch.arange(end, device=like.device) <= last[:, None]
