"""Getting raw inputs ready: pictures resized and cut into patches, text tokenized."""

from irg.prep.images import ImageError, Resize, decode_image, open_image, patches, to_pixels, to_uint8
from irg.prep.text import Tokenizer

__all__ = [
    "ImageError",
    "Resize",
    "Tokenizer",
    "decode_image",
    "open_image",
    "patches",
    "to_pixels",
    "to_uint8",
]
