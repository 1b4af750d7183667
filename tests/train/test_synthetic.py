import pytest
import torch

from irg.core import Document, Grid, Role
from irg.model import bagel_7b, embedded, tiny
from irg.run.flops import RowCounts
from irg.train.synthetic import DocumentLengths, SyntheticRows

IMPROVING, INITIAL = "TEXT TEXT TEXT CLEAN VIEW TEXT* NOISY*", "TEXT TEXT TEXT* NOISY*"
SHORT = DocumentLengths(system=12, prompt=6, thought=20, side=64)


def rows(lengths: DocumentLengths = SHORT) -> SyntheticRows:
    return SyntheticRows(tiny(), lengths, torch.Generator().manual_seed(0))


def shape(document: Document) -> str:
    """The kinds of a document's segments, those with loss marked."""
    return " ".join(
        segment.kind.name + ("*" if segment.loss or segment.target is not None else "")
        for segment in document
    )


def test_documents_are_the_two_full_modes_by_turns_and_thoughts_fill_the_rest() -> None:
    synthetic, rest = rows(), set()
    for tokens in range(700, 900, 10):
        shapes = [shape(document) for document in synthetic.documents(tokens)]
        full = [one for one in shapes if "NOISY" in one]
        assert full[:3] == [IMPROVING, INITIAL, IMPROVING]
        assert {*full} == {IMPROVING, INITIAL}
        rest |= {*shapes[len(full) :]}
    assert rest == {"TEXT TEXT TEXT*"}


@pytest.mark.parametrize("tokens", [200, 333, 1000])
def test_rows_are_full_but_for_a_few_tokens(tokens: int) -> None:
    """The shortest document is a thought of one token: 14 + 8 + 3."""
    assert tokens - 25 < rows().row(tokens).num_tokens <= tokens


def test_a_row_of_bagel_is_like_one_of_training() -> None:
    synthetic = SyntheticRows(bagel_7b(), DocumentLengths(), torch.Generator().manual_seed(0))
    assert (synthetic.latent_grid, synthetic.view_grid) == (Grid(64, 64), Grid(70, 70))
    counts = RowCounts.of(synthetic.row(36_864))
    assert counts.tokens > 0.98 * 36_864
    assert counts.targets == 4096 * 3
    assert counts.latents == counts.targets + 4096 * 2  # two images to look at
    assert counts.patches == 2 * 4900


def test_lengths_of_thoughts_vary_around_the_one_asked_for() -> None:
    documents = rows().documents(8000)
    full = [document for document in documents if shape(document) in (IMPROVING, INITIAL)]
    thoughts = [
        len(segment.data) for document in full for segment in document if segment.role is Role.THOUGHT
    ]
    assert (min(thoughts), max(thoughts)) == (10, 30)
    assert sum(thoughts) / len(thoughts) == pytest.approx(20, abs=1.5)


def test_the_same_seed_draws_the_same_row() -> None:
    one, same = rows().row(400), rows().row(400)
    assert torch.equal(one.text_id_N, same.text_id_N)
    assert one.latent_MC is not None and same.latent_MC is not None
    assert torch.equal(one.latent_MC, same.latent_MC)


def test_images_are_as_large_as_the_model_takes_unless_asked_otherwise() -> None:
    synthetic = SyntheticRows(embedded(300), DocumentLengths(), torch.Generator())
    assert (synthetic.latent_grid, synthetic.view_grid) == (Grid(8, 8), Grid(8, 8))
    assert rows().latent_grid == Grid(4, 4)
    assert rows().view_grid == Grid(5, 5)


@pytest.mark.parametrize("side", [100, 2048, -16])
def test_impossible_images_are_refused(side: int) -> None:
    with pytest.raises(ValueError, match=f"images of {side} pixels: expected a multiple of 16, up to 1024"):
        rows(DocumentLengths(side=side)).row(4000)


def test_a_row_too_short_for_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 40 tokens is too short"):
        rows().row(40)
