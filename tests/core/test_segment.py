import pytest
import torch

from irg.core import Document, Grid, Kind, Role, Segment
from tests.samples import Sampler


@pytest.mark.parametrize("kind", [Kind.VIEW, Kind.CLEAN, Kind.NOISY])
def test_an_image_segment_needs_a_grid(kind: Kind) -> None:
    with pytest.raises(ValueError, match=f"a {kind.name} segment needs a grid"):
        Segment(kind, Role.IMAGE, torch.zeros(6, 4))


def test_data_must_fit_the_grid() -> None:
    with pytest.raises(ValueError, match=r"CLEAN segment of grid \(2, 3\) got data \(5, 4\)"):
        Segment(Kind.CLEAN, Role.IMAGE, torch.zeros(5, 4), grid=Grid(2, 3))
    with pytest.raises(ValueError, match=r"VIEW segment of grid \(1, 2\) got data tuple"):
        Segment(Kind.VIEW, Role.IMAGE, (1, 2), grid=Grid(1, 2))


def test_text_takes_ids() -> None:
    with pytest.raises(ValueError, match="TEXT segment takes a tuple of token ids, not a tensor"):
        Segment(Kind.TEXT, Role.PROMPT, torch.tensor([1, 2]))


def test_tokens_and_advance(sampler: Sampler) -> None:
    text, view = sampler.text(5), sampler.image(Kind.VIEW, 2, 3)
    clean, noisy = sampler.image(Kind.CLEAN, 1, 4), sampler.image(Kind.NOISY, 2, 2)
    assert [segment.num_tokens for segment in (text, view, clean, noisy)] == [7, 8, 6, 6]
    assert [segment.advance for segment in (text, view, clean, noisy)] == [7, 1, 1, 0]


def test_documents_add_up(sampler: Sampler) -> None:
    first, second = sampler.text(2), sampler.image(Kind.CLEAN, 1, 1)
    both = Document((first,)) + Document((second,))
    assert list(both) == [first, second]
    more = (first,)
    assert list(both + more) == [first, second, first]
    assert both.num_tokens == 4 + 3
