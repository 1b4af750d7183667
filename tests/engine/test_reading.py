import random
from dataclasses import dataclass

import pytest
import torch

from irg.core import Document, Kind, Packed, Role, Segment, SpecialTokens, pack, pack_tokens
from irg.engine import SlotPool, Strand, append, new_strands
from irg.engine.attend import Parts, StrandAttend, parts_of, text_parts
from irg.engine.pool import GROWTH
from irg.engine.strand import with_room
from irg.model import ModelConfig, PaddedAttend, UnifiedModel
from tests.engine.outlook import held, outlook
from tests.models import in_row_order
from tests.samples import READABLE, Sampler


@dataclass
class Reader:
    """Reads documents into strands in random pieces: some segments at once, or a text in runs of tokens. Rows
    come and go from piece to piece."""

    model: UnifiedModel
    special: SpecialTokens
    random: random.Random
    strands: list[Strand]

    def read(self, documents: list[Document]) -> list[torch.Tensor]:
        """The hidden states of every row's tokens."""
        left = [list(document) for document in documents]
        hidden: list[list[torch.Tensor]] = [[] for _ in documents]
        while any(left):
            texts = {row: row_left for row, row_left in enumerate(left) if self._begins_with_text(row_left)}
            if texts and self.random.random() < 0.5:
                self._read_tokens(
                    {row: self._ids(row_left.pop(0)) for row, row_left in texts.items()}, hidden
                )
            else:
                self._read_segments(left, hidden)
        return [torch.cat(parts) for parts in hidden]

    def _begins_with_text(self, left: list[Segment]) -> bool:
        return bool(left) and left[0].kind is Kind.TEXT

    def _ids(self, text: Segment) -> list[int]:
        return [self.special.text_start, *text.ids, self.special.text_end]

    def _read_segments(self, left: list[list[Segment]], hidden: list[list[torch.Tensor]]) -> None:
        pieces: dict[int, tuple[Segment, ...]] = {}
        for row, segments in enumerate(left):
            if num := self.random.randint(0, len(segments)):
                pieces[row] = tuple(segments[:num])
                del segments[:num]
        if pieces:
            documents = [Document(piece) for piece in pieces.values()]
            ready = self._ready(list(pieces), [document.num_tokens for document in documents])
            packed = pack(documents, self.special, [strand.position for strand in ready])
            parts = [parts_of(document.segments) for document in documents]
            self._read(list(pieces), ready, packed, parts, hidden)

    def _read_tokens(self, ids: dict[int, list[int]], hidden: list[list[torch.Tensor]]) -> None:
        while any(ids.values()):
            runs: dict[int, list[int]] = {}
            for row, left in ids.items():
                if num := self.random.randint(0, len(left)):
                    runs[row] = left[:num]
                    del left[:num]
            if runs:
                ready = self._ready(list(runs), [len(run) for run in runs.values()])
                packed = pack_tokens(list(runs.values()), [strand.position for strand in ready])
                parts = [text_parts(len(run)) for run in runs.values()]
                self._read(list(runs), ready, packed, parts, hidden)

    def _ready(self, rows: list[int], num_new: list[int]) -> tuple[Strand, ...]:
        return with_room([self.strands[row] for row in rows], num_new)

    def _read(
        self,
        rows: list[int],
        ready: tuple[Strand, ...],
        packed: Packed,
        parts: list[Parts],
        hidden: list[list[torch.Tensor]],
    ) -> None:
        streams = self.model(packed, StrandAttend(ready, parts))
        pieces = in_row_order(streams, packed).split(packed.document_lengths)
        for number, row in enumerate(rows):
            hidden[row].append(pieces[number])
            length, advance = packed.document_lengths[number], packed.document_advances[number]
            self.strands[row] = ready[number].advanced(length, advance)


def at_once(model: UnifiedModel, document: Document, special: SpecialTokens) -> tuple[torch.Tensor, Packed]:
    packed = pack([document], special)
    return in_row_order(model(packed, PaddedAttend(packed)), packed), packed


@pytest.mark.parametrize("seed", range(10))
def test_any_split_is_one_forward(
    seed: int,
    config: ModelConfig,
    model: UnifiedModel,
    double_model: UnifiedModel,
    special: SpecialTokens,
) -> None:
    document = Sampler(seed, config).document(READABLE, most=6)
    for exact, which in ((1e-12, double_model), (1e-5, model)):
        expected, packed = at_once(which, document, special)
        reader = Reader(which, special, random.Random(seed), list(new_strands(SlotPool(which))))
        (got,) = reader.read([document])
        difference = (got - expected).abs().max() / expected.abs().max()
        assert difference <= exact
        assert (reader.strands[0].length,) == packed.document_lengths
        assert (reader.strands[0].position,) == packed.document_advances


@pytest.mark.parametrize("seed", range(10))
def test_rows_of_a_ragged_batch_are_as_if_alone(
    seed: int, config: ModelConfig, double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Rows are read in pieces of different lengths, together with whichever others have a piece then; a row's
    tokens come out as in a forward of that row alone. Some rows are copies, others are not."""
    sampler = Sampler(seed, config)
    documents = [sampler.document(READABLE, most=6) for _ in range(sampler.random.randint(2, 4))]
    documents += documents[:1]
    strands = [
        new_strands(SlotPool(double_model))[0],
        *new_strands(SlotPool(double_model), len(documents) - 1),
    ]
    reader = Reader(double_model, special, random.Random(seed), strands)
    for row, (got, document) in enumerate(zip(reader.read(documents), documents, strict=True)):
        expected, packed = at_once(double_model, document, special)
        assert torch.allclose(got, expected, rtol=0, atol=1e-11)
        assert reader.strands[row].length == packed.document_lengths[0]
        assert reader.strands[row].position == packed.document_advances[0]


def test_appending_is_reading(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    segments = (sampler.text(4), sampler.image(Kind.CLEAN, 2, 3), sampler.image(Kind.VIEW, 2, 2))
    strands = append(model, new_strands(SlotPool(model)), [segments[:1]], special)
    (strand,) = append(model, strands, [segments[1:]], special)
    assert strand.history == segments
    assert strand.length == 6 + 8 + 6 and strand.position == 6 + 1 + 1
    (whole,) = append(model, new_strands(SlotPool(model)), [segments], special)
    assert torch.allclose(held(strand), held(whole), rtol=0, atol=1e-5)


def test_some_or_all_rows_may_have_nothing_to_read(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    strands = new_strands(SlotPool(model), 2)
    after = append(model, strands, [(), (sampler.text(1),)], special)
    assert after[0] is strands[0] and (after[1].length, after[1].position) == (3, 3)
    assert append(model, after, [(), ()], special) == after


def test_looking_ahead_leaves_the_strand_alone(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    strands = append(model, new_strands(SlotPool(model)), [(sampler.text(4),)], special)
    before = held(strands[0])
    outlook(model, strands, special)
    assert torch.equal(held(strands[0]), before)
    assert strands[0].is_tip and strands[0].slot.tip == 6


def test_every_beginning_stays_valid_while_strands_grow_and_part(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """The slots have to be left for larger ones on the way, and one row goes two ways."""
    strands, kept = new_strands(SlotPool(model), 2), []
    for kind in (Kind.TEXT, Kind.CLEAN, Kind.VIEW, Kind.TEXT):
        strands = append(model, strands, [(sampler.segment([kind]),) for _ in range(2)], special)
        kept.append((strands, outlook(model, strands, special)))
    append(model, strands, [(sampler.text(GROWTH),)] * 2, special)
    append(model, kept[1][0], [(sampler.text(7),)] * 2, special)
    for held_then, expected in kept:
        assert torch.allclose(outlook(model, held_then, special), expected, rtol=0, atol=1e-6)


def test_rows_mixed_anew_are_as_in_any_other_batch(
    double_model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Rows of three batches, of different lengths, in one pass."""
    batches = [
        append(double_model, new_strands(SlotPool(double_model), 2), documents, special)
        for documents in (
            [(sampler.text(3),), (sampler.text(8),)],
            [(sampler.image(Kind.VIEW, 2, 3),), (sampler.text(1), sampler.image(Kind.CLEAN, 1, 2))],
            [(sampler.text(4),), (sampler.text(4),)],
        )
    ]
    mixed = (batches[1][1], batches[2][0], batches[2][1], batches[0][0], batches[1][0], batches[0][1])
    together = outlook(double_model, mixed, special)
    for strand, got in zip(mixed, together, strict=True):
        assert torch.allclose(outlook(double_model, [strand], special)[0], got, rtol=0, atol=1e-11)


def test_what_a_strand_does_not_take(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    strands = new_strands(SlotPool(model), 2)
    with pytest.raises(ValueError, match="1 documents for 2 strands"):
        append(model, strands, [(sampler.text(1),)], special)
    noisy = (sampler.image(Kind.NOISY, 1, 1),)
    with pytest.raises(ValueError, match="a NOISY segment never enters a context"):
        append(model, strands, [noisy, noisy], special)
    assert all(strand.slot.tip == 0 for strand in strands)


def test_an_empty_text_is_read_as_its_delimiters(model: UnifiedModel, special: SpecialTokens) -> None:
    (strand,) = append(model, new_strands(SlotPool(model)), [(Segment(Kind.TEXT, Role.PROMPT, ()),)], special)
    assert (strand.length, strand.position) == (2, 2)
