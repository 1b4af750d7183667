import base64
import io
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from irg.core.trace import Trace, Turn
from irg.data.pictures import decode, encode, from_base64, size_of, size_of_base64
from irg.data.source import Fault, RowError, RowPlace
from irg.data.traces import TraceStore
from tests.data.broken import empty_png, jpeg, picture
from tests.data.stored import RNG, encoded, some, write


def test_pictures_keep_their_bytes_until_they_change(tmp_path: Path) -> None:
    one = replace(some(1)[0], id="", turns=(Turn("t", picture(RNG)),))
    lossy = write(tmp_path / "jpeg", [one], jpeg_quality=80).read(0)
    assert lossy.turns[0].image.tobytes() != one.turns[0].image.tobytes()
    again = write(tmp_path / "again", [lossy])
    stored = encoded(again)
    assert stored.startswith(b"\xff\xd8") and stored == encoded(TraceStore(tmp_path / "jpeg"))
    lossy.turns[0].image.putpixel((0, 0), (1, 2, 3))
    changed = write(tmp_path / "changed", [lossy])
    assert encoded(changed).startswith(b"\x89PNG")
    assert changed.read(0).turns[0].image.getpixel((0, 0)) == (1, 2, 3)


def test_a_picture_of_another_mode_is_stored_as_rgb(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    store = write(tmp_path, [Trace("p", (Turn(None, clear),), 0)])
    assert store.read(0).turns[0].image.getpixel((0, 0)) == (255, 255, 255)


PLACE = RowPlace("file", 3)
NOISE = picture(np.random.default_rng(1))


def file_of(form: str, size: tuple[int, int] = (20, 10), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, format=form, **options)
    return buffer.getvalue()


def fault_of(data: bytes) -> tuple[Fault, str]:
    """What both the size and the pixels of a file fail with."""
    told = []
    for read in (size_of, decode):
        with pytest.raises(RowError) as failure:
            read(data, PLACE, "source")
        assert (failure.value.file, failure.value.row) == PLACE
        told.append((failure.value.reason, failure.value.detail))
    assert told[0] == told[1]
    return told[0]


def without(data: bytes, at: int, layout: str, sides: tuple[int, int] = (0, 10)) -> bytes:
    """The file with two sides of its head set to others, of which one is 0."""
    packed = struct.pack(layout, *sides)
    return data[:at] + packed + data[at + len(packed) :]


def test_png_comes_back_pixel_by_pixel_and_jpeg_nearly() -> None:
    data = encode(NOISE)
    assert data.startswith(b"\x89PNG") and size_of(data, PLACE, "x") == NOISE.size
    assert decode(data, PLACE, "x").tobytes() == NOISE.tobytes()
    smooth = Image.linear_gradient("L").resize((32, 32)).convert("RGB")
    lossy = encode(smooth, jpeg_quality=95)
    assert lossy.startswith(b"\xff\xd8")
    apart = np.asarray(decode(lossy, PLACE, "x")).astype(int) - np.asarray(smooth)
    assert np.abs(apart).max() <= 4


def test_a_decoded_picture_goes_back_to_its_bytes_unless_it_was_changed() -> None:
    data = file_of("WEBP", lossless=True)
    read = decode(data, PLACE, "x")
    assert encode(read) == encode(read, jpeg_quality=50) == data
    assert encode(read.crop((0, 0, 10, 10))).startswith(b"\x89PNG")
    read.putpixel((0, 0), (1, 2, 3))
    assert encode(read).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", (Fault.EMPTY_IMAGE, "source has no bytes")),
        (empty_png(), (Fault.EMPTY_IMAGE, "source has 0 pixels a side")),
        (without(file_of("BMP"), 18, "<ii"), (Fault.EMPTY_IMAGE, "source has 0 pixels a side")),
        (without(file_of("GIF"), 6, "<HH")[:13], (Fault.EMPTY_IMAGE, "source has 0 pixels a side")),
        (file_of("GIF")[:13], (Fault.BROKEN_IMAGE, "source is ")),
        (b"nothing", (Fault.BROKEN_IMAGE, "source is not a picture that can be read")),
        (b"\xff\xd8\xff\xe0", (Fault.BROKEN_IMAGE, "source is not a picture that can be read")),
        (file_of("PNG")[:20], (Fault.BROKEN_IMAGE, "source is a broken picture: Truncated File Read")),
    ],
)
def test_a_file_without_a_picture_is_told_by_its_head(data: bytes, told: tuple[Fault, str]) -> None:
    reason, detail = fault_of(data)
    assert reason is told[0] and detail.startswith((told[1], "source has 0x10 pixels"))


@pytest.mark.parametrize("sides", [(0, 10), (10, 0)])
def test_a_jpeg_without_pixels_is_empty_though_much_stands_before_its_size(sides: tuple[int, int]) -> None:
    data = file_of("JPEG", icc_profile=bytes(5000))
    frame = data.index(b"\xff\xc0")
    assert fault_of(without(data, frame + 5, ">HH", sides)) == (
        Fault.EMPTY_IMAGE,
        "source has 0 pixels a side",
    )


def test_a_picture_that_is_too_large_is_refused_by_its_head() -> None:
    head = bytearray(file_of("BMP", (1, 1)))
    head[18:26] = struct.pack("<ii", 8000, 8001)
    reason, detail = fault_of(bytes(head))
    assert (reason, detail) == (
        Fault.BROKEN_IMAGE,
        "source has 8000x8001 pixels, more than the 64 million allowed",
    )
    head[18:26] = struct.pack("<ii", 100_000, 100_000)
    reason, detail = fault_of(bytes(head))
    assert reason is Fault.BROKEN_IMAGE and detail.startswith("source is too large: ")


def test_the_size_of_half_a_file_is_known_and_its_pixels_are_not() -> None:
    data = jpeg(NOISE, 0.6)
    assert size_of(data, PLACE, "x") == (32, 32)
    with pytest.raises(RowError) as failure:
        decode(data, PLACE, "x")
    assert failure.value.reason is Fault.BROKEN_IMAGE


@pytest.mark.parametrize("num_bytes", [0, 2_000, 10_000, 60_000, 200_000])
def test_the_size_of_base64_is_that_of_its_bytes(num_bytes: int) -> None:
    data = file_of("JPEG", (41, 17), icc_profile=bytes(num_bytes))
    text = base64.b64encode(data).decode()
    assert from_base64(text, PLACE, "x") == data
    assert size_of_base64(text, PLACE, "x") == size_of(data, PLACE, "x") == (41, 17)


@pytest.mark.parametrize("text", ["a", "####", "a\n"])
def test_what_is_no_base64_is_a_broken_image(text: str) -> None:
    for read in (from_base64, size_of_base64):
        with pytest.raises(RowError, match="row 3: broken image: source is not base64: "):
            read(text, PLACE, "source")
