"""One way to read a picture: every form that it may come in, and every way in which it may be broken."""

import base64
import io
import os
import struct
import subprocess
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from irg.core.reading import FORMATS, MAX_PIXELS, ImageError, from_base64, image_size, read_image


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=form, **options)
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


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_are_read_as_rgb(form: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"  # the name's ending does not matter
    path.write_bytes(encoded(gradient(20, 10), form))
    picture = read_image(path)
    assert picture.mode == "RGB" and picture.size == (20, 10)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png: no such file"):
        read_image(tmp_path / "nowhere.png")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, expected a picture file"):
        read_image(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected a picture"),
        (
            b"just some words, and not a picture",
            r"is not a picture that can be read \(PNG, JPEG, WEBP, GIF, BMP or TIFF\)",
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
        read_image(path)


@pytest.mark.parametrize("filter_action", ["ignore", "error"])
@pytest.mark.parametrize("side", [8001, 10_000, 30_000])
def test_huge_pictures_are_refused_unread(side: int, filter_action: Literal["ignore", "error"]) -> None:
    """Pillow warns of 100 megapixels and does not open 900; nothing of the kind is decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter(filter_action, Image.DecompressionBombWarning)
        message = rf"big\.png (has {side}x{side} pixels, more than the 64 million|is too large)"
        with pytest.raises(ImageError, match=message):
            read_image(forged_png(side, side), "big.png")


def test_the_largest_allowed_picture() -> None:
    assert MAX_PIXELS == 8000 * 8000
    assert read_image(encoded(Image.new("1", (8000, 8000))), "large.png").size == (8000, 8000)


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La", "PA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(0, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 51)])
    flat = read_image(picture.convert("LA").convert(mode) if mode == "La" else picture.convert(mode))
    assert flat.mode == "RGB"
    values = np.asarray(flat)[0].tolist()
    assert values == [[0, 0, 0], [255, 255, 255], [204, 204, 204]]


def test_a_palette_with_a_transparent_colour() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    picture.info["transparency"] = 1
    assert np.asarray(read_image(encoded(picture), "p")).tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(("mode", "colours"), [("RGB", [(9, 9, 9), (20, 20, 20)]), ("L", [9, 20])])
def test_one_transparent_colour_of_other_modes(mode: str, colours: list) -> None:
    picture = Image.new(mode, (2, 1))
    picture.putdata(colours)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=colours[0])
    assert np.asarray(read_image(buffer.getvalue(), "p"))[0].tolist() == [[255] * 3, [20] * 3]


def test_sixteen_bit_pictures_keep_their_greys() -> None:
    levels = np.array([[0, 0x1234, 0x80FF, 0xFFFF]], dtype=np.uint16)
    decoded = read_image(encoded(Image.fromarray(levels)), "deep")
    assert np.asarray(decoded)[0, :, 0].tolist() == [0, 0x12, 0x80, 0xFF]


def test_a_palette_without_one() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    assert np.asarray(read_image(encoded(picture), "p")).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_grey_and_one_bit_pictures() -> None:
    assert np.asarray(read_image(encoded(Image.new("L", (1, 1), 7)), "l")).tolist() == [[[7, 7, 7]]]
    assert np.asarray(read_image(encoded(Image.new("1", (1, 1), 1)), "1")).tolist() == [[[255] * 3]]


def turned_file(form: str, orientation: int) -> bytes:
    """A file of 6x4 pixels, white in its upper left corner."""
    picture = Image.new("RGB", (48, 32))
    picture.paste("white", (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, form, exif=exif)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, "tl"), (2, "tr"), (3, "br"), (4, "bl"), (5, "tl"), (6, "tr"), (7, "br"), (8, "bl"), (77, "tl")],
)
def test_a_picture_is_turned_as_its_camera_was(form: str, orientation: int, corner: str) -> None:
    """In whatever it is given, and once: what has been read can be read again."""
    data = turned_file(form, orientation)
    picture = read_image(data)
    assert picture.size == image_size(data, "x") == ((32, 48) if orientation in (5, 6, 7, 8) else (48, 32))
    width, height = picture.size
    places = {"tl": (4, 4), "tr": (width - 4, 4), "bl": (4, height - 4), "br": (width - 4, height - 4)}
    seen = np.asarray(picture)
    white = [name for name, (x, y) in places.items() if seen[y, x].min() > 200]
    assert white == [corner]
    for again in (picture, Image.open(io.BytesIO(data)), Image.open(io.BytesIO(encoded(picture)))):
        assert np.array_equal(np.asarray(read_image(again)), seen)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_data_that_cannot_be_read_turn_nothing() -> None:
    data = encoded(gradient(6, 4), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_image(data).size == image_size(data, "x") == (6, 4)


@pytest.mark.parametrize("form", ["EPS", "PPM", "DDS", "PCX", "TGA", "ICO", "SGI"])
def test_other_formats_are_refused_unread(form: str) -> None:
    for read in (read_image, image_size):
        with pytest.raises(ImageError, match=r"x is not a picture that can be read \(PNG, JPEG, WEBP"):
            read(encoded(gradient(16, 16), form), "x")


def test_a_program_in_a_picture_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ghostscript stands first on the path, and leaves a note when it is started."""
    note, ghostscript = tmp_path / "note", tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {note}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(["gs"], check=True)
    assert note.exists()
    note.unlink()
    (tmp_path / "photo.png").write_bytes(encoded(gradient(16, 16), "EPS"))
    with pytest.raises(ImageError, match="is not a picture that can be read"):
        read_image(tmp_path / "photo.png")
    assert not note.exists()


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (np.uint8(7), 7),
        (np.uint16(0x80FF), 0x80),
        (np.float32(0.5), 128),
        (np.float64(1), 255),
        (np.bool_(True), 255),
    ],
)
def test_pixels_of_any_depth_whose_white_is_known(level: np.generic, expected: int) -> None:
    array = np.full((2, 3), level)
    for shaped in (array, array[:, :, None], np.stack([array] * 3, -1)):
        assert np.unique(read_image(shaped)).tolist() == [expected] and read_image(shaped).size == (3, 2)


@pytest.mark.parametrize(
    "level", [np.float32(1.5), np.float32("nan"), np.float32(-0.1), np.int32(70_000), np.int32(100)]
)
def test_pixels_without_a_known_white_are_refused(level: np.generic) -> None:
    image = Image.fromarray(np.full((2, 3), level))
    for source in (image, np.asarray(image), encoded(image, "TIFF")):
        with pytest.raises(ImageError, match=r"x has (int|float)32 pixels from .*, expected 8 or 16 bits"):
            read_image(source, "x")


def test_fractions_in_a_file_keep_their_greys() -> None:
    levels = Image.fromarray(np.array([[0, 0.2, 1]], dtype=np.float32))
    assert np.asarray(read_image(encoded(levels, "TIFF")))[0, :, 0].tolist() == [0, 51, 255]


@pytest.mark.parametrize("shape", [(3,), (2, 2, 5), (3, 2, 2, 2), (0, 4, 3), (4, 0)])
def test_arrays_that_are_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"the array has (the shape|0x4 pixels|4x0 pixels|\dx\d pixels)"):
        read_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("source", [None, 5, ["a.png"]])
def test_what_holds_no_picture_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="expected a path, bytes, a Pillow image or a numpy array"):
        read_image(source)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I;16"])
def test_images_of_any_mode(mode: str) -> None:
    assert read_image(Image.new(mode, (3, 2))).mode == "RGB"


def test_base64_with_and_without_line_breaks() -> None:
    data = encoded(gradient(40, 30))
    assert from_base64(base64.b64encode(data).decode(), "x") == data
    assert from_base64(base64.encodebytes(data).decode().replace("\n", "\r\n"), "x") == data
    for text in ("a", "####", "caf\u00e9"):
        with pytest.raises(ImageError, match="x is not base64: "):
            from_base64(text, "x")


@pytest.mark.parametrize("form", [*FORMATS, "AVIF", "DDS", "BLP"])
def test_whatever_a_decoder_raises_is_one_error(form: str) -> None:
    """Broken at every place: read, or refused with the one error."""
    picture = gradient(24, 24).convert("P") if form == "BLP" else gradient(24, 24)
    data = encoded(picture, form)
    rng = np.random.default_rng(0)
    for _ in range(200):
        broken = bytearray(data[: rng.integers(8, len(data) + 1)])
        for at in rng.integers(4, len(broken), 4):
            broken[at] = rng.integers(256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for read in (read_image, image_size):
                try:
                    read(bytes(broken), "x")
                except ImageError:
                    continue
