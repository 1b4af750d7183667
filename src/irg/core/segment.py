"""Segments: the one representation from a file to the model, in training and at inference.

A document is a tuple of segments. What a segment may see, how far it moves the position, and which expert
reads its tokens follow from its kind alone; nothing else in the project lays tokens out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image

T = TypeVar("T")

DELIMITERS = 2
"""Tokens that wrap each segment: one before its content and one after it."""


class Kind(IntEnum):
    """What a segment holds. The values are written into packed rows."""

    TEXT = 0
    VIEW = 1
    CLEAN = 2
    NOISY = 3

    @property
    def is_image(self) -> bool:
        return self is not Kind.TEXT


class Role(StrEnum):
    """What a segment is for in an episode; guidance branches and condition dropout choose by it."""

    SYSTEM = "system"
    PROMPT = "prompt"
    THOUGHT = "thought"
    IMAGE = "image"
    QUESTION = "question"


class Route(IntEnum):
    """Which of the two expert weight sets reads a token."""

    UNDERSTANDING = 0
    GENERATION = 1


class Grid(NamedTuple):
    """Rows and columns of an image segment, in tokens."""

    rows: int
    columns: int

    @classmethod
    def of(cls, size: tuple[int, int], side: int) -> "Grid":
        """Of a picture of such a width and height, whose tokens are squares of `side` pixels."""
        return cls(size[1] // side, size[0] // side)

    @property
    def num_tokens(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True, eq=False)
class Segment:
    """A run of tokens of one kind, at one of three stages, which `data` tells apart.

    - As a file has it: a text, or a picture, of which perhaps only the size is known. Its tokens cannot be
      counted yet. Segments that are forms of one picture share it, and follow each other.
    - Prepared: a tuple of token ids, or the pixels of an image, resized for its kind, uint8 [height, width,
      3]. `grid` says how many tokens an image has; it may be known before the pixels are read.
    - For the model: token ids, or a float tensor [patches, patch values] for VIEW and [latent tokens, latent
      values] for CLEAN and NOISY.

    A NOISY segment holds the latents as they are at `timestep`; what a training row is to predict there is
    `target` (noise - data, the flow velocity), absent at inference. `loss` asks for the cross-entropy of a
    TEXT segment.
    """

    kind: Kind
    role: Role
    data: str | tuple[int, ...] | Image.Image | np.ndarray | torch.Tensor
    turn: int = 0
    grid: Grid | None = None
    loss: bool = False
    timestep: float = 0.0
    target: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.kind is Kind.TEXT:
            if not isinstance(self.data, (str, tuple)):
                got = type(self.data).__name__.lower()
                raise ValueError(f"a TEXT segment takes a tuple of token ids, not a {got}, or a text")
        elif not isinstance(self.data, Image.Image):
            if self.grid is None:
                raise ValueError(f"a {self.kind.name} segment needs a grid")
            shape = None if isinstance(self.data, (str, tuple)) else tuple(self.data.shape)
            if shape is None or (isinstance(self.data, torch.Tensor) and shape[0] != self.grid.num_tokens):
                got = shape or type(self.data).__name__
                raise ValueError(f"a {self.kind.name} segment of grid {tuple(self.grid)} got data {got}")

    @property
    def num_tokens(self) -> int:
        """Tokens in the row, the two delimiters included."""
        if self.kind is Kind.TEXT:
            return len(self.ids) + DELIMITERS
        assert self.grid is not None, "a picture has tokens only once it is prepared"
        return self.grid.num_tokens + DELIMITERS

    @property
    def advance(self) -> int:
        """How far the segment moves the position of what follows it."""
        if self.kind is Kind.TEXT:
            return self.num_tokens
        return 0 if self.kind is Kind.NOISY else 1

    @property
    def supervised(self) -> bool:
        """Whether it is to be learned: a text with loss, an image to be denoised."""
        return self.loss or self.kind is Kind.NOISY

    @property
    def text(self) -> str:
        return self._data_as(str)

    @property
    def ids(self) -> tuple[int, ...]:
        return self._data_as(tuple)

    @property
    def picture(self) -> Image.Image:
        return self._data_as(Image.Image)

    @property
    def pixels(self) -> np.ndarray:
        """uint8 [height, width, 3]."""
        return self._data_as(np.ndarray)

    @property
    def values(self) -> torch.Tensor:
        """Patches or latents, a row for each token of the grid."""
        return self._data_as(torch.Tensor)

    def _data_as(self, stage: type[T]) -> T:
        assert isinstance(self.data, stage), f"a {self.kind.name} segment holds a {type(self.data).__name__}"
        return self.data


@dataclass(frozen=True, eq=False)
class Document:
    """Segments in order: a training sample from the file to the packed row, or what a context reads."""

    segments: tuple[Segment, ...]
    mode: str = ""
    """Names what kind of sample it is, for the mixture and the logs."""
    seed: int = 0
    """Decides all that is random about it when it is composed."""

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __add__(self, other: "Document | tuple[Segment, ...]") -> "Document":
        return replace(self, segments=self.segments + tuple(other))

    @property
    def num_tokens(self) -> int:
        return self.tokens_with(copies=1)

    @property
    def supervised(self) -> bool:
        """Whether anything in it is to be learned."""
        return any(segment.supervised for segment in self.segments)

    def tokens_with(self, copies: int) -> int:
        """Tokens in a row that has so many of each NOISY segment."""
        return sum(
            segment.num_tokens * (copies if segment.kind is Kind.NOISY else 1) for segment in self.segments
        )


def pieces(segments: Iterable[Segment]) -> Iterator[tuple[Segment, ...]]:
    """The segments in order, those that are forms of one picture together and each text alone."""

    def piece(segment: Segment) -> tuple[int, int]:
        return (id(segment.data), segment.turn) if segment.kind.is_image else (id(segment), 0)

    return (tuple(forms) for _, forms in groupby(segments, key=piece))
