"""Encoded pictures: bytes to pixels and back, and the size of a picture without decoding it."""

import base64
import binascii
import io
import struct
from contextlib import suppress

from PIL import Image, UnidentifiedImageError

from irg.core.trace import png
from irg.data.source import Fault, RowPlace
from irg.prep import ImageError, decode_image
from irg.prep.images import MAX_PIXELS, flatten

_ENCODED = "irg_encoded"
"""Attribute of a decoded picture that keeps the bytes it came from."""
_PREFIXES = (1 << 12, 1 << 16)
"""Bytes in which the size of a base64 picture is looked for, before it is decoded in full: colour profiles
and camera data may stand before it."""
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def decode(data: bytes, place: RowPlace, what: str) -> Image.Image:
    """The picture as RGB, decoded in full. Raises RowError: EMPTY_IMAGE or BROKEN_IMAGE."""
    size_of(data, place, what)
    try:
        picture = decode_image(data, what)
    except (ImageError, OverflowError, MemoryError) as broken:
        raise place.error(Fault.BROKEN_IMAGE, str(broken)) from broken
    setattr(picture, _ENCODED, data)
    return picture


def encode(picture: Image.Image, jpeg_quality: int | None = None) -> bytes:
    """PNG, or JPEG of a quality (1 to 95). A picture that was decoded from bytes, and still has the pixels
    that they say, goes back to these very bytes."""
    known = getattr(picture, _ENCODED, None)
    if known is not None and _same(decode_image(known, "picture"), picture):
        return known
    picture = flatten(picture)
    if jpeg_quality is None:
        return png(picture)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=jpeg_quality, subsampling=0)
    return buffer.getvalue()


def size_of(data: bytes, place: RowPlace, what: str) -> tuple[int, int]:
    """Width and height from the head of a file, which is enough of it. Raises RowError as `decode` does."""
    if not data:
        raise place.error(Fault.EMPTY_IMAGE, f"{what} has no bytes")
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    except _BOMBS as bomb:
        raise place.error(Fault.BROKEN_IMAGE, f"{what} is too large: {bomb}") from bomb
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as broken:
        if _is_empty(data):
            raise place.error(Fault.EMPTY_IMAGE, f"{what} has 0 pixels a side") from broken
        raise place.error(Fault.BROKEN_IMAGE, f"{what} is no picture that can be read") from broken
    if width < 1 or height < 1:
        raise place.error(Fault.EMPTY_IMAGE, f"{what} has {width}x{height} pixels")
    if width * height > MAX_PIXELS:
        raise place.error(Fault.BROKEN_IMAGE, f"{what} has {width}x{height} pixels, more than {MAX_PIXELS}")
    return width, height


def from_base64(text: str, place: RowPlace, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise place.error(Fault.BROKEN_IMAGE, f"{what} is not base64: {broken}") from broken


def size_of_base64(text: str, place: RowPlace, what: str) -> tuple[int, int]:
    """As `size_of`, decoding no more of the text than the size takes."""
    for prefix in _PREFIXES:
        if len(text) <= prefix:
            break
        with suppress(ValueError):  # it may stand further on: the whole text decides, and says what is wrong
            return size_of(base64.b64decode(text[:prefix]), place, what)
    return size_of(from_base64(text, place, what), place, what)


def _same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.mode == other.mode and one.tobytes() == other.tobytes()


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
