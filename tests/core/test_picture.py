"""Pictures as files."""

import pytest
from PIL import Image

from irg.core.picture import Picture, StoredPicture


def test_what_is_no_picture_says_so() -> None:
    with pytest.raises(ValueError, match="is not a picture that can be read"):
        Picture(b"hello").open()


def test_a_picture_is_the_bytes_of_its_file() -> None:
    red, blue = (Picture.of(Image.new("RGBA", (3, 2), colour)) for colour in ("red", "blue"))
    assert (red.open().mode, red.open().size) == ("RGB", (3, 2))
    assert red == Picture(red.data) != blue and len({red.digest, Picture(red.data).digest, blue.digest}) == 2


def test_a_stored_picture_is_known_by_its_digest_alone() -> None:
    stored = StoredPicture("abc")
    assert stored.digest == "abc"
    with pytest.raises(AssertionError, match="not loaded"):
        stored.open()
