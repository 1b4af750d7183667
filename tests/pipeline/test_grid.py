import pytest
from PIL import Image

from irg.core.trace import Trace, Turn
from irg.pipeline.grid import grid


def plain(colour: str, width: int = 10, height: int = 6) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def test_pictures_stand_in_rows() -> None:
    last = Trace("a star", (Turn(None, plain("red")), Turn("better", plain("blue"))), 0)
    sheet = grid([plain("green"), last, plain("black", 4, 2)], columns=2)
    assert sheet.size == (28, 20)
    assert [sheet.getpixel(place) for place in ((0, 0), (18, 0), (0, 14), (5, 17), (12, 3))] == [
        (0, 128, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
        (255, 255, 255),
    ]


@pytest.mark.parametrize(("num", "columns", "rows"), [(1, 1, 1), (4, 2, 2), (5, 3, 2), (9, 3, 3)])
def test_the_sheet_is_about_square(num: int, columns: int, rows: int) -> None:
    assert grid(plain("red") for _ in range(num)).size == (18 * columns - 8, 14 * rows - 8)


def test_no_pictures_and_no_columns() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        grid([])
    with pytest.raises(ValueError, match="columns 0: expected a whole number of at least 1"):
        grid([plain("red")], columns=0)
