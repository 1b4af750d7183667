"""Rows held in memory as a source, a tokenizer that counts words, and traces of any size, for the tests."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from PIL import Image
from tokenizers import Tokenizer as FastTokenizer
from tokenizers import models, pre_tokenizers

from irg.core import Document
from irg.core.trace import Trace, Turn
from irg.data.prepare import Preparer
from irg.data.source import RowError, RowPlace
from irg.model import ModelConfig, bagel_7b, tiny
from irg.prep import Resize, SizeOnly, Tokenizer
from irg.prep.text import DELIMITERS

Row = Trace | Document | RowError


@cache
def tokenizer() -> Tokenizer:
    """Every word is one token."""
    vocabulary = {word: number for number, word in enumerate(("?", "word", *DELIMITERS))}
    fast = FastTokenizer(models.WordLevel(vocabulary, unk_token="?"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return Tokenizer(fast)


def bagel_preparer() -> Preparer:
    """The sizes of the real model, and how training resizes images for it."""
    return Preparer(bagel_7b(), tokenizer(), Resize(1024, 512, 16), Resize(980, 378, 14))


def tiny_preparer(config: ModelConfig | None = None) -> Preparer:
    """Images of 32 to 64 pixels a side."""
    return Preparer(config or tiny(), tokenizer(), Resize(64, 32, 16), Resize(56, 28, 14))


def words(count: int) -> str:
    return " ".join(["word"] * count)


@dataclass(eq=False)
class MemorySource:
    """Rows as they are given, in groups of `group` rows and `group_size` bytes. Counts how often it was
    surveyed."""

    rows: Sequence[Row]
    name: str = "memory"
    group: int = 4
    fingerprint: str = "1"
    group_size: int = 0
    surveys: int = field(default=0, compare=False)

    @property
    def group_sizes(self) -> tuple[int, ...]:
        return tuple(len(self.rows[at : at + self.group]) for at in range(0, len(self.rows), self.group))

    @property
    def group_bytes(self) -> tuple[int, ...]:
        return (self.group_size,) * len(self.group_sizes)

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, index: int) -> RowPlace:
        return RowPlace(self.name, index)

    def read(self, index: int) -> Trace | Document:
        row = self.rows[index]
        if isinstance(row, RowError):
            raise row
        return row

    def survey(self) -> Iterator[Row]:
        self.surveys += 1
        return (row if isinstance(row, RowError) else sized(row) for row in self.rows)


@dataclass(eq=False)
class VirtualSource(MemorySource):
    """The same, but measured row by row; surveying it is a mistake."""

    def sketch(self, index: int) -> Trace | Document:
        return sized(self.read(index))

    def survey(self) -> Iterator[Row]:
        raise AssertionError("a virtual source is not surveyed")


def sized(row: Trace | Document) -> Trace | Document:
    """The row without its pixels."""
    if isinstance(row, Trace):
        return replace(row, turns=tuple(replace(turn, image=SizeOnly(turn.image.size)) for turn in row.turns))
    pictures = {id(one.data): SizeOnly(one.picture.size) for one in row if one.kind.is_image}
    segments = (replace(one, data=pictures[id(one.data)]) if one.kind.is_image else one for one in row)
    return replace(row, segments=tuple(segments))


def episode(seed: int, side: int = 48, thought: int = 6, **more: Any) -> Trace:
    """Two turns with noise for images; lengths of texts and sides of images are drawn up to those given."""
    draw = random.Random(seed)
    images = [_noise(draw, draw.randint(32, side), draw.randint(32, side)) for _ in range(2)]
    turns = tuple(Turn(words(draw.randint(1, thought)), image) for image in images)
    return Trace(words(draw.randint(1, 4)), turns, seed, system_prompt=words(2), **more)


def episodes(count: int, **more: Any) -> list[Row]:
    return [episode(seed, **more) for seed in range(count)]


def _noise(draw: random.Random, width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), draw.randbytes(3 * width * height))
