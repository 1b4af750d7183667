import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image

from irg.prep import ImageError, Resize, SizeOnly, decode_image, open_image, patches, to_pixels, to_uint8
from irg.prep.images import MAX_PIXELS, flatten


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=form)
    return buffer.getvalue()


def gradient(width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([rows % 256, columns % 256, (rows * columns) % 256], -1).astype(np.uint8))


def forged_png(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than its data hold."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_pictures_are_read_as_rgb(form: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"  # the name's ending does not matter
    path.write_bytes(encoded(gradient(20, 10), form))
    picture = open_image(path)
    assert picture.mode == "RGB" and picture.size == (20, 10)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png: no such file"):
        open_image(tmp_path / "nowhere.png")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, expected a picture file"):
        open_image(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected a picture"),
        (
            b"just some words, and not a picture",
            r"is not a picture that can be read \(PNG, JPEG, WebP, ...\)",
        ),
        (encoded(gradient(64, 64), "JPEG")[:700], "is a broken picture: "),
        (encoded(gradient(64, 64))[:300], "is a broken picture: "),
        (encoded(gradient(64, 64), "WEBP")[:100], "is "),
        (forged_png(40, 40), "is a broken picture: "),
    ],
    ids=["empty", "words", "truncated JPEG", "truncated PNG", "truncated WebP", "short data"],
)
def test_broken_files_are_named_with_the_reason(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"photo\.jpg {message}"):
        open_image(path)


@pytest.mark.parametrize("filter_action", ["ignore", "error"])
@pytest.mark.parametrize("side", [8001, 10_000, 30_000])
def test_huge_pictures_are_refused_unread(side: int, filter_action: Literal["ignore", "error"]) -> None:
    """Pillow warns of 100 megapixels and does not open 900; nothing of the kind is decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter(filter_action, Image.DecompressionBombWarning)
        message = rf"big\.png (has {side}x{side} pixels, more than the 64 million|is too large)"
        with pytest.raises(ImageError, match=message):
            decode_image(forged_png(side, side), "big.png")


def test_the_largest_allowed_picture() -> None:
    assert MAX_PIXELS == 8000 * 8000
    assert decode_image(encoded(Image.new("1", (8000, 8000))), "large.png").size == (8000, 8000)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(0, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 51)])
    flat = flatten(picture.convert(mode))
    assert flat.mode == "RGB"
    values = np.asarray(flat)[0].tolist()
    assert values == [[0, 0, 0], [255, 255, 255], [204, 204, 204]]


def test_a_palette_with_a_transparent_colour() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    picture.info["transparency"] = 1
    assert np.asarray(decode_image(encoded(picture), "p")).tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(("mode", "colours"), [("RGB", [(9, 9, 9), (20, 20, 20)]), ("L", [9, 20])])
def test_one_transparent_colour_of_other_modes(mode: str, colours: list) -> None:
    picture = Image.new(mode, (2, 1))
    picture.putdata(colours)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=colours[0])
    assert np.asarray(decode_image(buffer.getvalue(), "p"))[0].tolist() == [[255] * 3, [20] * 3]


def test_sixteen_bit_pictures_keep_their_greys() -> None:
    levels = np.array([[0, 0x1234, 0x80FF, 0xFFFF]], dtype=np.uint16)
    decoded = decode_image(encoded(Image.fromarray(levels)), "deep")
    assert np.asarray(decoded)[0, :, 0].tolist() == [0, 0x12, 0x80, 0xFF]


def test_a_palette_without_one() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    assert np.asarray(decode_image(encoded(picture), "p")).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_grey_and_one_bit_pictures() -> None:
    assert np.asarray(decode_image(encoded(Image.new("L", (1, 1), 7)), "l")).tolist() == [[[7, 7, 7]]]
    assert np.asarray(decode_image(encoded(Image.new("1", (1, 1), 1)), "1")).tolist() == [[[255] * 3]]


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
