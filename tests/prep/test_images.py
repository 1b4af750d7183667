import numpy as np
import pytest
import torch
from PIL import Image

from irg.prep import Resize, SizeOnly, patches, to_pixels, to_uint8


def gradient(width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows % 256, columns % 256, (rows * columns) % 256], -1).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1000, 1000), (992, 992)),  # 62.5 strides: halves go to even
        ((64, 64), (512, 512)),
        ((100, 2000), (48, 1024)),  # the long side has the last word
        ((37, 50), (512, 688)),
        ((1499, 2560), (608, 1024)),  # 599.6 pixels are 600, then 37.5 strides and so 38
    ],
)
def test_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert Resize(1024, 512, 16).size(*size) == expected


def test_a_side_is_never_less_than_one_stride() -> None:
    assert Resize(64, 16, 16).size(1, 5000) == (16, 64)


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    picture = gradient(64, 48)
    assert Resize(64, 32, 16)(picture) is picture


def test_resizing_is_bicubic_with_antialiasing() -> None:
    picture = gradient(64, 48)
    expected = picture.resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(np.asarray(Resize(32, 16, 16)(picture)), np.asarray(expected))


def test_pixels_lie_between_minus_one_and_one() -> None:
    pixels = to_pixels([Image.new("RGB", (3, 2), (0, 255, 51))])
    assert pixels.shape == (1, 3, 2, 3)
    assert pixels[0, :, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])


def test_uint8_is_truncated_and_clamped() -> None:
    """0.999 of the way from one value to the next is still the lower one."""
    levels = torch.tensor([-2.0, -1.0, 2 * 7.999 / 255 - 1, 2 * 254.5 / 255 - 1, 1.0, 2.0])
    got = to_uint8(levels.view(1, 1, 1, 6).expand(1, 3, 1, 6))
    assert got.dtype == np.uint8 and got.shape == (1, 1, 6, 3)
    assert got[0, 0, :, 0].tolist() == [0, 0, 7, 254, 255, 255]


def test_pixels_come_back_within_one() -> None:
    """Truncation may lose one where a float falls just short."""
    picture = gradient(256, 8)
    back = to_uint8(to_pixels([picture]))[0].astype(int)
    lost = np.asarray(picture).astype(int) - back
    assert set(np.unique(lost)) <= {0, 1}


def test_patches_are_laid_out_row_column_channel() -> None:
    """A pixel's value is its channel, row and column written as digits."""
    cells = torch.arange(4)
    image = (torch.arange(1, 4)[:, None, None] * 100 + cells[:, None] * 10 + cells).float()
    cut = patches(image, 2)
    assert cut.shape == (4, 12)
    assert cut[1].tolist() == [102, 202, 302, 103, 203, 303, 112, 212, 312, 113, 213, 313]
    assert cut[2, 0].item() == 120


def test_a_picture_without_pixels_has_a_size_and_nothing_else() -> None:
    picture = SizeOnly((7, 0))
    assert picture.size == (7, 0) and isinstance(picture, Image.Image)
    with pytest.raises(ValueError, match="7x0 have not been read"):
        picture.convert("L")
