"""Masks are drawn: one string per query, # where it sees the key."""

import pytest
import torch

from irg.core import Document, Kind, Packed, SpecialTokens, block_mask, dense_mask, pack, padded_mask
from irg.model import ModelConfig
from tests.samples import Sampler

BLOCK = 128
"""Tokens per side of FlexAttention's blocks."""


def drawn(mask: torch.Tensor) -> list[str]:
    return ["".join("#" if seen else "." for seen in row) for row in mask.tolist()]


def test_text_is_causal(sampler: Sampler, special: SpecialTokens) -> None:
    packed = pack([Document((sampler.text(1), sampler.text(0)))], special)
    assert drawn(dense_mask(packed)) == [
        "#....",
        "##...",
        "###..",
        "####.",
        "#####",
    ]


@pytest.mark.parametrize("kind", [Kind.VIEW, Kind.CLEAN])
def test_an_image_block_sees_all_of_itself(kind: Kind, sampler: Sampler, special: SpecialTokens) -> None:
    packed = pack([Document((sampler.text(0), sampler.image(kind, 1, 2), sampler.text(0)))], special)
    assert drawn(dense_mask(packed)) == [
        "#.......",
        "##......",
        "######..",
        "######..",
        "######..",
        "######..",
        "#######.",
        "########",
    ]


def test_two_image_blocks_stay_causal_between_them(sampler: Sampler, special: SpecialTokens) -> None:
    blocks = (sampler.image(Kind.CLEAN, 1, 1), sampler.image(Kind.VIEW, 1, 1))
    assert drawn(dense_mask(pack([Document(blocks)], special))) == [
        "###...",
        "###...",
        "###...",
        "######",
        "######",
        "######",
    ]


def test_nobody_sees_a_noisy_block(sampler: Sampler, special: SpecialTokens) -> None:
    segments = (sampler.text(0), sampler.image(Kind.NOISY, 1, 1), sampler.text(0))
    assert drawn(dense_mask(pack([Document(segments)], special))) == [
        "#......",
        "##.....",
        "#####..",
        "#####..",
        "#####..",
        "##...#.",
        "##...##",
    ]


def test_a_noisy_block_and_its_clean_copy_at_one_position(sampler: Sampler, special: SpecialTokens) -> None:
    segments = (sampler.text(0), sampler.image(Kind.NOISY, 1, 1), sampler.image(Kind.CLEAN, 1, 1))
    packed = pack([Document(segments)], special)
    assert packed.position_T.tolist() == [0, 1, 2, 2, 2, 2, 2, 2]
    assert drawn(dense_mask(packed)) == [
        "#.......",
        "##......",
        "#####...",
        "#####...",
        "#####...",
        "##...###",
        "##...###",
        "##...###",
    ]


def test_two_noisy_blocks_do_not_see_each_other(sampler: Sampler, special: SpecialTokens) -> None:
    segments = (sampler.image(Kind.NOISY, 1, 1), sampler.image(Kind.NOISY, 1, 1))
    assert drawn(dense_mask(pack([Document(segments)], special))) == [
        "###...",
        "###...",
        "###...",
        "...###",
        "...###",
        "...###",
    ]


def test_documents_do_not_see_each_other(sampler: Sampler, special: SpecialTokens) -> None:
    documents = [Document((sampler.text(0),)), Document((sampler.image(Kind.CLEAN, 1, 1),))]
    assert drawn(dense_mask(pack(documents, special))) == [
        "#....",
        "##...",
        "..###",
        "..###",
        "..###",
    ]


def pieces(packed: Packed) -> list[slice]:
    """Where each document lies in the row."""
    ends = torch.tensor(packed.document_lengths).cumsum(0).tolist()
    return [slice(end - length, end) for end, length in zip(ends, packed.document_lengths, strict=True)]


@pytest.mark.parametrize("seed", range(12))
def test_the_padded_mask_is_the_dense_one(seed: int, config: ModelConfig, special: SpecialTokens) -> None:
    sampler = Sampler(seed, config)
    packed = pack([sampler.document() for _ in range(sampler.random.randint(1, 4))], special)
    dense, padded = dense_mask(packed), padded_mask(packed)
    longest = max(packed.document_lengths)
    assert padded.shape == (packed.num_documents, longest, longest)
    for row, piece in zip(padded, pieces(packed), strict=True):
        length = piece.stop - piece.start
        assert torch.equal(row[:length, :length], dense[piece, piece])
        assert not row[:length, length:].any()
        assert torch.equal(row[length:], torch.eye(longest, dtype=torch.bool)[length:])


def test_the_padded_mask_of_some_documents(config: ModelConfig, special: SpecialTokens) -> None:
    sampler = Sampler(3, config)
    packed = pack([sampler.document() for _ in range(4)], special)
    some = padded_mask(packed, documents=[2, 0])
    everything = padded_mask(packed)
    length = max(packed.document_lengths[index] for index in (2, 0))
    assert torch.equal(some, everything[[2, 0], :length, :length])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("padding", [0, 5, 3 * BLOCK])
def test_the_block_mask_is_the_dense_one(
    seed: int, padding: int, config: ModelConfig, special: SpecialTokens
) -> None:
    sampler = Sampler(seed, config)
    packed = pack([sampler.document() for _ in range(12)], special)
    length = packed.num_tokens + padding
    expected = torch.eye(length, dtype=torch.bool)
    expected[: packed.num_tokens, : packed.num_tokens] = dense_mask(packed)

    blocks = block_mask(packed, length)
    place, zero = torch.arange(length), torch.tensor(0)
    assert torch.equal(blocks.mask_mod(zero, zero, place[:, None], place[None, :]), expected)

    num_blocks = -(-length // BLOCK)
    tiled = torch.zeros(num_blocks * BLOCK, num_blocks * BLOCK, dtype=torch.bool)
    tiled[:length, :length] = expected
    occupied = tiled.view(num_blocks, BLOCK, num_blocks, BLOCK).any(dim=3).any(dim=1)
    assert torch.equal(blocks.to_dense()[0, 0].bool(), occupied)


def test_a_row_must_fit_its_padded_length(sampler: Sampler, special: SpecialTokens) -> None:
    packed = pack([Document((sampler.text(8),))], special)
    with pytest.raises(ValueError, match="a row of 10 tokens does not fit into 9"):
        block_mask(packed, 9)
