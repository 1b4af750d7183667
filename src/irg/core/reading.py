"""Reading pictures: the one way from a file, its bytes, base64, an array or a Pillow image to RGB pixels.

Every picture comes out as it is meant to be seen: turned as its EXIF data says, transparency laid over
white, 8 bits a channel. Only the formats of `FORMATS` are read: pictures come from anywhere, and among
Pillow's other formats are programs (EPS) and decoders that raise whatever they please.
"""

import base64
import binascii
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000
"""Larger pictures are refused: they are far beyond any model's resolution and are how decoders are made to
run out of memory."""

ImageSource = str | os.PathLike[str] | bytes | Image.Image | np.ndarray
"""A path, the bytes of a file, an image of any mode, or an array [H, W] or [H, W, channels]."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation asks for; from 5 on width and height change places."""
_DONE = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp", "transparency")
"""What a picture says of how to show it, which holds no more once it has been followed."""


class ImageError(ValueError):
    """A picture that cannot be used; the message says why."""


def read_image(source: ImageSource, name: str | None = None) -> Image.Image:
    """The picture in RGB, decoded in full. `name` is for messages; of a file it is its path.

    Raises ImageError where it cannot be used, TypeError where it is nothing that holds a picture.
    """
    match source:
        case Image.Image():
            return _seen(source, name or "the image")
        case np.ndarray():
            return _of_array(source, name or "the array")
        case bytes():
            return _seen(_opened(source, name or "the picture"), name or "the picture")
        case str() | os.PathLike():
            return read_image(_file(Path(source)), name or str(source))
    known = "a path, bytes, a Pillow image or a numpy array"
    raise TypeError(f"{name or 'the picture'} is of type {type(source).__name__}, expected {known}")


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """Width and height of what `read_image` makes of the bytes, whose head is enough. Raises ImageError."""
    picture = _opened(data, name)
    width, height = picture.size
    # Of TIFF, Pillow tells the size as it is turned.
    return (height, width) if picture.format != "TIFF" and _orientation(picture) > 4 else (width, height)


def as_stored(data: bytes, name: str) -> Image.Image:
    """The picture as it stands in a file, of any mode and decoded, neither turned nor flattened. Raises
    ImageError where it cannot be used."""
    picture = _opened(data, name)
    with _broken(name):
        picture.load()
        _check_size(picture.size, name)
    return picture


def from_base64(text: str, name: str) -> bytes:
    """The bytes that a text holds, which may have line breaks. Raises ImageError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as broken:
        raise ImageError(f"{name} is not base64: {broken}") from broken


def _file(path: Path) -> bytes:
    if path.is_dir():
        raise ImageError(f"{path} is a folder, expected a picture file")
    try:
        return path.read_bytes()
    except FileNotFoundError as missing:
        raise ImageError(f"{path}: no such file") from missing
    except OSError as unreadable:
        raise ImageError(f"{path} cannot be read: {unreadable.strerror}") from unreadable


def _opened(data: bytes, name: str) -> Image.Image:
    """The head of the picture. Raises ImageError, also where it is too large to be read on."""
    if not data:
        raise ImageError(f"{name} is empty, expected a picture")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ImageError(f"{name} is too large: {bomb}") from bomb
    except UnidentifiedImageError as unknown:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise ImageError(f"{name} is not a picture that can be read ({known})") from unknown
    except Exception as broken:  # decoders raise whatever a malformed file makes them
        raise ImageError(f"{name} is a broken picture: {broken}") from broken
    _check_size(picture.size, name)
    return picture


@contextmanager
def _broken(name: str) -> Iterator[None]:
    """Decoders raise whatever a malformed file makes them."""
    try:
        yield
    except ImageError:
        raise
    except Exception as broken:
        raise ImageError(f"{name} is a broken picture: {broken}") from broken


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if not width or not height:
        raise ImageError(f"{name} has {width}x{height} pixels")
    if width * height > MAX_PIXELS:
        limit = f"{MAX_PIXELS / 1e6:.0f} million allowed"
        raise ImageError(f"{name} has {width}x{height} pixels, more than the {limit}")


def _seen(picture: Image.Image, name: str) -> Image.Image:
    """The image as it is meant to be seen, decoded."""
    _check_size(picture.size, name)
    with _broken(name):
        picture.load()
        _check_size(picture.size, name)
        flat = _flat(picture, name)
        turn = _TURNS.get(_orientation(picture))
        flat = flat if turn is None else flat.transpose(turn)
    for key in _DONE:
        flat.info.pop(key, None)
    return flat


def _orientation(picture: Image.Image) -> int:
    """1 to 8 as EXIF data say; 1, as it is, where they say nothing or cannot be read."""
    try:
        # The method of formats would decode the pixels to find what stands after them.
        orientation = Image.Image.getexif(picture).get(_ORIENTATION, 1)
    except Exception:  # nothing that EXIF data may hold makes the pixels worse
        return 1
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def _flat(picture: Image.Image, name: str) -> Image.Image:
    """RGB of 8 bits, with transparency laid over white, be it a channel or one colour of the picture."""
    if picture.mode == "I" and picture.format == "PNG":  # which has no more than 16 bits
        return _of_array(np.asarray(picture).astype(np.uint16), name)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):  # Pillow would clip at 255
        return _of_array(np.asarray(picture), name)
    if picture.mode == "La":
        picture = picture.convert("LA")
    if picture.mode in ("LA", "PA", "RGBa") or picture.info.get("transparency") is not None:
        picture = picture.convert("RGBA")
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    white = Image.new("RGB", picture.size, (255, 255, 255))
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _of_array(values: np.ndarray, name: str) -> Image.Image:
    shape = "x".join(map(str, values.shape))
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 2, 3, 4)):
        raise ImageError(f"{name} has the shape {shape}, expected height x width [x 1, 2, 3 or 4 channels]")
    _check_size((values.shape[1], values.shape[0]), name)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    return _flat(Image.fromarray(np.ascontiguousarray(_eight_bits(values, name))), name)


def _eight_bits(values: np.ndarray, name: str) -> np.ndarray:
    """uint8 of pixels whose black and white are known. Raises ImageError for any other."""
    match values.dtype.kind, values.dtype.itemsize:
        case "u", 1:
            return values
        case "u", 2:
            return (values >> 8).astype(np.uint8)
        case "b", _:
            return values.astype(np.uint8) * np.uint8(255)
        case "f", _ if values.min() >= 0 and values.max() <= 1:  # which NaN is not
            return np.round(values * 255).astype(np.uint8)
    known = "8 or 16 bits, unsigned, or fractions from 0 to 1"
    span = f"from {values.min():g} to {values.max():g}" if values.dtype.kind in "iuf" else "of no number"
    raise ImageError(f"{name} has {values.dtype} pixels {span}, expected {known}")
