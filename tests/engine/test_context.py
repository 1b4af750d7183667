import random
from dataclasses import dataclass

import pytest
import torch

from irg.core import Document, Kind, Packed, Role, Segment, SpecialTokens, pack, pack_tokens
from irg.engine import Context, append, new_context
from irg.engine.context import GROWTH, read_packed
from irg.model import ModelConfig, PaddedAttend, UnifiedModel
from tests.models import in_row_order
from tests.samples import READABLE, Sampler


@dataclass
class Reader:
    """Reads documents into the rows of a context in random pieces: some segments at once, or a text in runs
    of tokens.

    A row that has nothing to read is fed something and stays where it is.
    """

    model: UnifiedModel
    special: SpecialTokens
    random: random.Random
    context: Context

    def read(self, documents: list[Document]) -> list[torch.Tensor]:
        """The hidden states of every row's tokens."""
        left = [list(document) for document in documents]
        hidden: list[list[torch.Tensor]] = [[] for _ in documents]
        while any(left):
            texts = [bool(row) and row[0].kind is Kind.TEXT for row in left]
            if any(texts) and self.random.random() < 0.5:
                taken = [row.pop(0) if is_text else None for row, is_text in zip(left, texts, strict=True)]
                self._read_tokens([self._ids(text) for text in taken], hidden)
            else:
                self._read_segments(left, hidden)
        return [torch.cat(parts) for parts in hidden]

    def _ids(self, text: Segment | None) -> list[int]:
        if text is None:
            return []
        return [self.special.text_start, *(int(token) for token in text.data), self.special.text_end]

    def _read_segments(self, left: list[list[Segment]], hidden: list[list[torch.Tensor]]) -> None:
        nothing = Segment(Kind.TEXT, Role.PROMPT, ())
        pieces = []
        for row in left:
            num = self.random.randint(0, len(row))
            pieces.append(tuple(row[:num]))
            del row[:num]
        fed = [Document(piece or (nothing,)) for piece in pieces]
        self._read(pack(fed, self.special, self.context.positions), [bool(piece) for piece in pieces], hidden)

    def _read_tokens(self, ids: list[list[int]], hidden: list[list[torch.Tensor]]) -> None:
        while any(ids):
            runs = []
            for row in ids:
                num = self.random.randint(0, len(row))
                runs.append(row[:num])
                del row[:num]
            packed = pack_tokens([run or [0] for run in runs], self.context.positions)
            self._read(packed, [bool(run) for run in runs], hidden)

    def _read(self, packed: Packed, moves: list[bool], hidden: list[list[torch.Tensor]]) -> None:
        streams = read_packed(self.model, self.context, packed)
        for row, piece in enumerate(in_row_order(streams, packed).split(packed.document_lengths)):
            if moves[row]:
                hidden[row].append(piece)
        self.context = self.context.advanced(
            [length * moved for length, moved in zip(packed.document_lengths, moves, strict=True)],
            [advance * moved for advance, moved in zip(packed.document_advances, moves, strict=True)],
            [()] * packed.num_documents,
        )


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
        reader = Reader(which, special, random.Random(seed), new_context(which))
        (got,) = reader.read([document])
        difference = (got - expected).abs().max() / expected.abs().max()
        assert difference <= exact
        assert reader.context.lengths == packed.document_lengths
        assert reader.context.positions == packed.document_advances


@pytest.mark.parametrize("seed", range(10))
def test_rows_of_a_ragged_batch_are_as_if_alone(
    seed: int, config: ModelConfig, double_model: UnifiedModel, special: SpecialTokens
) -> None:
    """Rows are read in pieces of different lengths; a row's tokens come out as in a forward of that row
    alone."""
    sampler = Sampler(seed, config)
    documents = [sampler.document(READABLE, most=6) for _ in range(sampler.random.randint(2, 4))]
    reader = Reader(double_model, special, random.Random(seed), new_context(double_model, len(documents), 8))
    for row, (got, document) in enumerate(zip(reader.read(documents), documents, strict=True)):
        expected, packed = at_once(double_model, document, special)
        assert torch.allclose(got, expected, rtol=0, atol=1e-11)
        assert reader.context.lengths[row] == packed.document_lengths[0]
        assert reader.context.positions[row] == packed.document_advances[0]


def test_appending_is_reading(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    segments = (sampler.text(4), sampler.image(Kind.CLEAN, 2, 3), sampler.image(Kind.VIEW, 2, 2))
    context = append(model, new_context(model), [segments[:1]], special)
    context = append(model, context, [segments[1:]], special)
    assert context.history == (segments,)
    assert context.lengths == (6 + 8 + 6,) and context.positions == (6 + 1 + 1,)
    whole = append(model, new_context(model), [segments], special)
    length = whole.lengths[0]
    assert torch.allclose(
        context.buffer.pairs[..., :length, :, :], whole.buffer.pairs[..., :length, :, :], rtol=0, atol=1e-5
    )


def test_some_or_all_rows_may_have_nothing_to_read(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    context = append(model, new_context(model, num_rows=2), [(), (sampler.text(1),)], special)
    assert context.lengths == context.positions == (0, 3)
    assert append(model, context, [(), ()], special) is context


def outlook(model: UnifiedModel, context: Context, special: SpecialTokens) -> torch.Tensor:
    """What a noisy image would become behind the context: a number for everything the context holds."""
    noisy = Sampler(99, model.config).image(Kind.NOISY, 2, 2)
    packed = pack([Document((noisy,))] * context.num_rows, special, context.positions)
    return model.velocity(packed, PaddedAttend(packed, context.reader()))


def test_looking_ahead_leaves_the_context_alone(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    context = append(model, new_context(model), [(sampler.text(4),)], special)
    before = context.buffer.pairs.clone()
    outlook(model, context, special)
    assert torch.equal(context.buffer.pairs, before)
    assert context.buffer.tips == [6]


def test_prefixes_stay_valid_while_the_context_grows(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Forks share one small buffer, which has to grow on the way."""
    contexts = [new_context(model, num_rows=2, capacity=4)]
    outlooks = []
    for kind in (Kind.TEXT, Kind.CLEAN, Kind.VIEW, Kind.TEXT):
        segments = [(sampler.segment([kind]),) for _ in range(2)]
        contexts.append(append(model, contexts[-1], segments, special))
        outlooks.append(outlook(model, contexts[-1], special))
    assert contexts[1].buffer is contexts[-1].buffer
    for context, expected in zip(contexts[1:], outlooks, strict=True):
        assert context.is_valid
        assert torch.allclose(outlook(model, context, special), expected, rtol=0, atol=1e-6)


def test_the_buffer_grows_in_steps(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    context = new_context(model, capacity=4)
    assert context.buffer.capacity == 4
    context = append(model, context, [(sampler.text(3),)], special)
    assert context.buffer.capacity == GROWTH
    context = append(model, context, [(sampler.text(GROWTH),)], special)
    assert context.buffer.capacity == 2 * GROWTH
    context = append(model, context, [(sampler.text(5 * GROWTH),)], special)
    assert context.buffer.capacity == 7 * GROWTH
    assert context.lengths == (5 + GROWTH + 2 + 5 * GROWTH + 2,)


def test_only_the_tip_can_be_appended_to(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    early = append(model, new_context(model), [(sampler.text(2),)], special)
    append(model, early, [(sampler.text(3),)], special)
    with pytest.raises(ValueError, match=r"this view has lengths \[4\], the tip is at \[9\]"):
        append(model, early, [(sampler.text(1),)], special)


def test_a_rewound_context_goes_another_way(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    shared, wrong, right = (sampler.text(length) for length in (3, 9, 4))
    start = append(model, new_context(model), [(shared,)], special)
    append(model, start, [(wrong,)], special)
    again = append(model, start.rewound(), [(right,)], special)
    fresh = append(model, new_context(model), [(shared, right)], special)
    assert again.history == fresh.history
    assert torch.allclose(outlook(model, again, special), outlook(model, fresh, special), rtol=0, atol=1e-5)


def test_views_of_slots_given_up_are_refused(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """Also when the new way has come further than the view reached: its slots hold other tokens now."""
    start = append(model, new_context(model), [(sampler.text(3),)], special)
    given_up = append(model, start, [(sampler.text(4),)], special)
    assert given_up.is_valid
    rewound = start.rewound()
    assert start.is_valid and rewound.is_valid and not given_up.is_valid
    longer = append(model, rewound, [(sampler.text(20),)], special)
    assert longer.is_valid and start.is_valid and not given_up.is_valid
    with pytest.raises(AssertionError):
        given_up.reader()
    with pytest.raises(AssertionError):
        given_up.rewound()


def test_a_view_appended_to_after_rewinding_elsewhere_is_valid(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    start = append(model, new_context(model), [(sampler.text(3),)], special)
    append(model, start, [(sampler.text(4),)], special)
    start.rewound()
    assert append(model, start, [(sampler.text(2),)], special).is_valid


def test_what_a_context_does_not_take(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    context = new_context(model, num_rows=2)
    with pytest.raises(ValueError, match="1 documents for a context of 2 rows"):
        append(model, context, [(sampler.text(1),)], special)
    noisy = (sampler.image(Kind.NOISY, 1, 1),)
    with pytest.raises(ValueError, match="a NOISY segment never enters a context"):
        append(model, context, [noisy, noisy], special)
    assert context.buffer.tips == [0, 0]
