"""Rows of made-up documents with the lengths of interleaved reasoning: to measure and plan with.

Documents are those of the two full modes, by turns, as in the second stage of training; what is left of a row
is filled with thoughts alone.
"""

import math
from dataclasses import dataclass

import torch

from irg.core import Document, Grid, Kind, Packed, Role, Segment, SpecialTokens, pack
from irg.model import ModelConfig

_SPREAD = 0.5
"""Of the lengths of thoughts, either way."""


@dataclass(frozen=True)
class DocumentLengths:
    """Tokens of the texts, and pixels per side of the images (None: the most a model takes, up to 1024)."""

    system: int = 283
    prompt: int = 64
    thought: int = 600
    side: int | None = None


@dataclass(frozen=True, eq=False)
class SyntheticRows:
    """Draws rows for a model's sizes."""

    config: ModelConfig
    lengths: DocumentLengths
    generator: torch.Generator

    @property
    def latent_grid(self) -> Grid:
        cell, most = self.config.pixels_per_latent, self.config.latent_side
        side = self._side
        if side % cell or not 0 < side <= cell * most:
            raise ValueError(f"images of {side} pixels: expected a multiple of {cell}, up to {cell * most}")
        return Grid(side // cell, side // cell)

    @property
    def view_grid(self) -> Grid:
        side = min(round(self._side / self.config.vision.patch), self.config.vision.side)
        return Grid(max(side, 1), max(side, 1))

    def documents(self, tokens: int) -> list[Document]:
        """Documents that fill `tokens` tokens but for a few. Raises ValueError where no full one fits."""
        room, documents = tokens, []
        makers = [self._improving, self._initial]
        while fitting := next((one for make in makers if (one := make()).num_tokens <= room), None):
            documents.append(fitting)
            room -= fitting.num_tokens
            makers.reverse()
        if not documents:
            needed = f"an image of {self._side} pixels, which has about {self._initial().num_tokens:,}"
            raise ValueError(f"a row of {tokens:,} tokens is too short for a document with {needed}")
        while room >= (shortest := self._thinking(1).num_tokens):
            thought = min(self._thought_length(), room - shortest + 1)
            documents.append(self._thinking(thought))
            room -= documents[-1].num_tokens
        return documents

    def row(self, tokens: int) -> Packed:
        """A packed row of about `tokens` tokens."""
        last = self.config.decoder.vocabulary
        special = SpecialTokens(last - 4, last - 3, last - 2, last - 1)
        return pack(self.documents(tokens), special)

    @property
    def _side(self) -> int:
        if self.lengths.side is not None:
            return self.lengths.side
        return min(self.config.pixels_per_latent * self.config.latent_side, 1024)

    def _improving(self) -> Document:
        """P T1 I1 T2* I2*"""
        looked_at = (self._image(Kind.CLEAN, 1), self._image(Kind.VIEW, 1))
        second = (self._thought(2, self._thought_length()), self._image(Kind.NOISY, 2))
        first = self._text(Role.THOUGHT, self._thought_length(), 1)
        return Document((*self._begin(), first, *looked_at, *second))

    def _initial(self) -> Document:
        """P T1* I1*"""
        return Document(
            (*self._begin(), self._thought(1, self._thought_length()), self._image(Kind.NOISY, 1))
        )

    def _thinking(self, length: int) -> Document:
        """P T1*"""
        return Document((*self._begin(), self._thought(1, length)))

    def _begin(self) -> tuple[Segment, ...]:
        return (
            self._text(Role.SYSTEM, self.lengths.system, 0),
            self._text(Role.PROMPT, self.lengths.prompt, 0),
        )

    def _thought_length(self) -> int:
        low, high = (math.ceil(self.lengths.thought * (1 + spread)) for spread in (-_SPREAD, _SPREAD))
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def _thought(self, turn: int, length: int) -> Segment:
        return self._text(Role.THOUGHT, length, turn, loss=True)

    def _text(self, role: Role, length: int, turn: int, loss: bool = False) -> Segment:
        vocabulary = self.config.decoder.vocabulary - 4
        ids = torch.randint(0, vocabulary, (length,), generator=self.generator).tolist()
        return Segment(Kind.TEXT, role, tuple(ids), turn=turn, loss=loss)

    def _image(self, kind: Kind, turn: int) -> Segment:
        if kind is Kind.VIEW:
            grid, values = self.view_grid, self.config.vision.patch_values
        else:
            grid, values = self.latent_grid, self.config.latent_values
        noisy = kind is Kind.NOISY
        return Segment(
            kind,
            Role.IMAGE,
            self._normal(grid.num_tokens, values),
            turn=turn,
            grid=grid,
            timestep=float(torch.rand((), generator=self.generator)) if noisy else 0.0,
            target=self._normal(grid.num_tokens, values) if noisy else None,
        )

    def _normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)
