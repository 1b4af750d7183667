from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from irg.core import Document, Grid, Kind, Role, Segment, pieces
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


def test_segments_of_a_file_hold_texts_and_pictures() -> None:
    text = Segment(Kind.TEXT, Role.PROMPT, "a red cube")
    image = Segment(Kind.NOISY, Role.IMAGE, Image.new("RGB", (4, 2)))
    assert text.text == "a red cube" and image.picture.size == (4, 2)
    with pytest.raises(AssertionError, match="a TEXT segment holds a str"):
        _ = text.num_tokens
    with pytest.raises(AssertionError, match="only once it is prepared"):
        _ = image.num_tokens
    assert replace(image, grid=Grid(1, 2)).num_tokens == 4
    pixels = replace(image, data=np.zeros((2, 4, 3), dtype=np.uint8), grid=Grid(1, 2))
    assert pixels.num_tokens == 4 and pixels.pixels.shape == (2, 4, 3)
    with pytest.raises(ValueError, match="NOISY segment needs a grid"):
        replace(pixels, grid=None)


def test_a_document_counts_copies_of_what_is_noised(sampler: Sampler) -> None:
    document = Document((sampler.text(2), sampler.image(Kind.CLEAN, 1, 2), sampler.image(Kind.NOISY, 1, 3)))
    assert [document.tokens_with(copies) for copies in (1, 3)] == [4 + 4 + 5, 4 + 4 + 15]
    assert document.supervised
    assert not replace(document, segments=document.segments[:2]).supervised


def test_forms_of_a_picture_are_one_piece() -> None:
    image, other = Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4))

    def form(kind: Kind, picture: Image.Image, turn: int = 1) -> Segment:
        return Segment(kind, Role.IMAGE, picture, turn)

    segments = [
        Segment(Kind.TEXT, Role.PROMPT, "same"),
        Segment(Kind.TEXT, Role.THOUGHT, "same"),
        *(form(kind, image) for kind in (Kind.NOISY, Kind.CLEAN, Kind.VIEW)),
        *(form(kind, other) for kind in (Kind.CLEAN, Kind.VIEW)),
        form(Kind.CLEAN, other, turn=2),
    ]
    assert [len(piece) for piece in pieces(segments)] == [1, 1, 3, 2, 1]
    assert [one for piece in pieces(segments) for one in piece] == segments


def test_a_grid_has_as_many_rows_as_the_picture_is_high() -> None:
    assert Grid.of((32, 48), 16) == Grid(rows=3, columns=2)
    assert Grid.of((48, 32), 16) == Grid(rows=2, columns=3)
