"""Getting raw inputs ready: pictures resized and cut into patches, text tokenized."""

from irg.prep.images import (
    ImageError,
    Resize,
    SizeOnly,
    decode_image,
    open_image,
    patches,
    to_pixels,
    to_uint8,
)
from irg.prep.text import RememberingTokenizer, Tokenizer

__all__ = [
    "ImageError",
    "RememberingTokenizer",
    "Resize",
    "SizeOnly",
    "Tokenizer",
    "decode_image",
    "open_image",
    "patches",
    "to_pixels",
    "to_uint8",
]
