"""Getting raw inputs ready: pictures resized and cut into patches, text tokenized."""

from irg.prep.images import (
    Resize,
    SizeOnly,
    patches,
    to_pixels,
    to_uint8,
)
from irg.prep.text import RememberingTokenizer, Tokenizer

__all__ = [
    "RememberingTokenizer",
    "Resize",
    "SizeOnly",
    "Tokenizer",
    "patches",
    "to_pixels",
    "to_uint8",
]
