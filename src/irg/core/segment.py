"""Segments: the one representation behind training rows, contexts, guidance branches and learning modes.

A document is a tuple of segments. What a segment may see, how far it moves the position, and which expert
reads its tokens follow from its kind alone; nothing else in the project lays tokens out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import NamedTuple

import torch


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

    @property
    def num_tokens(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True, eq=False)
class Segment:
    """A run of tokens of one kind.

    `data` is a tuple of token ids for TEXT, a float tensor [patches, patch values] for VIEW and [latent
    tokens, latent values] for CLEAN and NOISY. A NOISY segment holds the latents as they are at `timestep`;
    what a training row is to predict there is `target` (noise - data, the flow velocity), absent at
    inference. `loss` asks for the cross-entropy of a TEXT segment.
    """

    kind: Kind
    role: Role
    data: tuple[int, ...] | torch.Tensor
    turn: int = 0
    grid: Grid | None = None
    loss: bool = False
    timestep: float = 0.0
    target: torch.Tensor | None = None

    def __post_init__(self) -> None:
        if self.kind.is_image:
            if self.grid is None:
                raise ValueError(f"a {self.kind.name} segment needs a grid")
            shape = tuple(self.data.shape) if isinstance(self.data, torch.Tensor) else None
            if shape is None or shape[0] != self.grid.num_tokens:
                got = shape or type(self.data).__name__
                raise ValueError(f"a {self.kind.name} segment of grid {tuple(self.grid)} got data {got}")
        elif isinstance(self.data, torch.Tensor):
            raise ValueError("a TEXT segment takes a tuple of token ids, not a tensor")

    @property
    def num_tokens(self) -> int:
        """Tokens in the row, the two delimiters included."""
        return len(self.data) + 2

    @property
    def advance(self) -> int:
        """How far the segment moves the position of what follows it."""
        if self.kind is Kind.TEXT:
            return self.num_tokens
        return 0 if self.kind is Kind.NOISY else 1


@dataclass(frozen=True, eq=False)
class Document:
    """One document: segments in order."""

    segments: tuple[Segment, ...]

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __add__(self, other: "Document | tuple[Segment, ...]") -> "Document":
        return replace(self, segments=self.segments + tuple(other))

    @property
    def num_tokens(self) -> int:
        return sum(segment.num_tokens for segment in self.segments)
