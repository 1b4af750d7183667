"""Documents made ready: what is counted without pixels is what comes with them, and nothing is done twice."""

import numpy as np
from PIL import Image

from irg.core import Document, Grid, Kind, Role, Segment
from irg.data.prepare import seed_of
from irg.prep import SizeOnly
from tests.data.memory import tiny_preparer

PICTURE = Image.effect_noise((80, 48), 50).convert("RGB")


def learned_and_seen(picture: Image.Image) -> Document:
    """A text, and a picture in all of its forms, twice."""
    forms = (Kind.NOISY, Kind.CLEAN, Kind.VIEW)
    images = [Segment(kind, Role.IMAGE, picture, turn) for turn in (1, 2) for kind in forms]
    return Document((Segment(Kind.TEXT, Role.PROMPT, "word word", 1), *images), "conversation")


def test_tokens_are_those_of_the_document_prepared() -> None:
    preparer = tiny_preparer()
    ready = preparer(learned_and_seen(PICTURE), 7)
    for copies in (1, 3):
        measured = preparer.measure(learned_and_seen(SizeOnly(PICTURE.size)), copies)
        assert (
            measured
            == ready.tokens_with(copies)
            == preparer.remembering().measure(learned_and_seen(PICTURE), copies)
        )
    assert (ready.mode, ready.seed) == ("conversation", 7)
    assert ready.segments[0].ids == preparer.tokenizer.encode("word word")


def test_a_picture_is_resized_once_for_the_forms_that_share_it() -> None:
    _, noisy, clean, view, *second = tiny_preparer()(learned_and_seen(PICTURE), 0)
    assert noisy.data is clean.data and noisy.grid == clean.grid == Grid(2, 4)
    assert np.array_equal(clean.pixels, np.asarray(PICTURE.resize((64, 32), Image.Resampling.BICUBIC)))
    assert view.pixels.shape == (28, 56, 3) and view.grid == Grid(2, 4)
    assert second[0].data is not noisy.data, "a picture that comes again is another one"


def test_seeds_depend_on_every_part_and_its_place() -> None:
    assert seed_of(0, "a", 1) == seed_of(0, "a", 1) != seed_of(0, "a", 2)
    assert len({seed_of(1, 23), seed_of(12, 3), seed_of(3, 12), seed_of("1", "2", "3")}) == 4
    assert 0 <= seed_of("x") < 2**63
