"""Encoded pictures: bytes to pixels and back, and the size of a picture without decoding it."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image

from irg.core import reading
from irg.core.reading import ImageError, image_size, read_image
from irg.core.trace import png
from irg.data.source import Fault, RowPlace

_ENCODED = "irg_encoded"
"""Attribute of a decoded picture that keeps the bytes it came from."""
_PREFIXES = (1 << 12, 1 << 16)
"""Bytes in which the size of a base64 picture is looked for, before it is decoded in full: colour profiles
and camera data may stand before it."""


def decode(data: bytes, place: RowPlace, what: str) -> Image.Image:
    """The picture as RGB, decoded in full. Raises RowError: EMPTY_IMAGE or BROKEN_IMAGE."""
    with _named(data, place, what):
        picture = read_image(data, what)
    setattr(picture, _ENCODED, data)
    return picture


def encode(picture: Image.Image, jpeg_quality: int | None = None) -> bytes:
    """PNG, or JPEG of a quality (1 to 95). A picture that was decoded from bytes, and still has the pixels
    that they say, goes back to these very bytes."""
    known = getattr(picture, _ENCODED, None)
    if known is not None and _same(read_image(known), picture):
        return known
    picture = read_image(picture)
    if jpeg_quality is None:
        return png(picture)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=jpeg_quality, subsampling=0)
    return buffer.getvalue()


def size_of(data: bytes, place: RowPlace, what: str) -> tuple[int, int]:
    """Width and height from the head of a file, which is enough of it. Raises RowError as `decode` does."""
    with _named(data, place, what):
        return image_size(data, what)


def from_base64(text: str, place: RowPlace, what: str) -> bytes:
    try:
        return reading.from_base64(text, what)
    except ImageError as broken:
        raise place.error(Fault.BROKEN_IMAGE, str(broken)) from broken


def size_of_base64(text: str, place: RowPlace, what: str) -> tuple[int, int]:
    """As `size_of`, decoding no more of the text than the size takes."""
    for prefix in _PREFIXES:
        if len(text) <= prefix:
            break
        with suppress(ValueError):  # it may stand further on: the whole text decides, and says what is wrong
            head = "".join(text[:prefix].split())
            return image_size(reading.from_base64(head[: len(head) // 4 * 4], what), what)
    return size_of(from_base64(text, place, what), place, what)


def _same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.mode == other.mode and one.tobytes() == other.tobytes()


@contextmanager
def _named(data: bytes, place: RowPlace, what: str) -> Iterator[None]:
    """Makes an error of the picture one of its row."""
    try:
        yield
    except ImageError as broken:
        if not data:
            raise place.error(Fault.EMPTY_IMAGE, f"{what} has no bytes") from broken
        if _is_empty(data):
            raise place.error(Fault.EMPTY_IMAGE, f"{what} has 0 pixels a side") from broken
        raise place.error(Fault.BROKEN_IMAGE, str(broken)) from broken


def _is_empty(data: bytes) -> bool:
    """Whether a file that no decoder takes says itself that it has no pixels."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return 0 in struct.unpack(">II", data[16:24])
    if data.startswith(b"BM") and len(data) >= 26:
        return 0 in struct.unpack("<ii", data[18:26])
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        return 0 in struct.unpack("<HH", data[6:10])
    return data.startswith(b"\xff\xd8") and _has_empty_frame(data)


def _has_empty_frame(data: bytes) -> bool:
    """Whether the frame header of a JPEG has a side of 0: its markers are followed up to there."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return 0 in struct.unpack(">HH", data[at + 5 : at + 9])
        at += 2 + length
    return False
