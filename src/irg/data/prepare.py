"""Documents prepared for a model: texts as token ids, pictures as uint8 pixels resized to what it takes.

This is the part that needs no accelerator, so loader processes do it. What follows (latents, noise, dropout)
is `irg.data.compose`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from irg.core import Document, Grid, Kind, Segment, pieces
from irg.core.segment import DELIMITERS
from irg.model import ModelConfig
from irg.prep import RememberingTokenizer, Resize, Tokenizer


class Preparer:
    """Prepares documents for models of one configuration. It can be sent to other processes."""

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer, clean: Resize, view: Resize) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.clean, self.view = clean, view

    def __call__(self, document: Document, seed: int) -> Document:
        measured = self.sized(document)
        segments = [one for piece in pieces(measured) for one in self._with_pixels(piece)]
        return replace(measured, segments=tuple(segments), seed=seed)

    def measure(self, document: Document, copies: int = 1) -> int:
        """Tokens of the document in a row, nothing dropped; reads no pixels. `copies` of each NOISY image."""
        return sum(
            self._num_tokens(segment) * (copies if segment.kind is Kind.NOISY else 1) for segment in document
        )

    def sized(self, document: Document) -> Document:
        """The document with token ids and grids, but pictures as they are: only their size is read."""
        return replace(document, segments=tuple(map(self._sized, document.segments)))

    def remembering(self) -> "Preparer":
        """The same, for measuring many documents that share their texts, in this process."""
        return Preparer(self.config, RememberingTokenizer(self.tokenizer), self.clean, self.view)

    def _num_tokens(self, segment: Segment) -> int:
        """Those of `_sized`, of which a survey of large data sets can do without making it."""
        if segment.kind is Kind.TEXT:
            return len(self.tokenizer.encode(segment.text)) + DELIMITERS
        return self._grid(segment).num_tokens + DELIMITERS

    def _sized(self, segment: Segment) -> Segment:
        if segment.kind is Kind.TEXT:
            return replace(segment, data=self.tokenizer.encode(segment.text))
        return replace(segment, grid=self._grid(segment))

    def _grid(self, segment: Segment) -> Grid:
        resize, side = self._cells(segment.kind)
        return Grid.of(resize.size(*segment.picture.size), side)

    def _with_pixels(self, piece: tuple[Segment, ...]) -> Iterator[Segment]:
        """Forms of a picture that are resized alike share their pixels."""
        if piece[0].kind is Kind.TEXT:
            yield from piece
            return
        picture = piece[0].picture.convert("RGB")
        pixels: dict[bool, np.ndarray] = {}
        for segment in piece:
            is_view = segment.kind is Kind.VIEW
            if is_view not in pixels:
                resize, _ = self._cells(segment.kind)
                pixels[is_view] = np.array(resize(picture), dtype=np.uint8)
            yield replace(segment, data=pixels[is_view])

    def _cells(self, kind: Kind) -> tuple[Resize, int]:
        """How pictures of a kind of segment are resized, and the pixels a side of what becomes a token."""
        if kind is Kind.VIEW:
            return self.view, self.config.vision.patch
        return self.clean, self.config.pixels_per_latent


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed that depends on all the parts and their order, the same on every machine."""
    content = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1
