"""Random segments and documents for the tests."""

import random
from collections.abc import Sequence

import torch

from irg.core import Document, Grid, Kind, Role, Segment
from irg.model import ModelConfig

READABLE = (Kind.TEXT, Kind.VIEW, Kind.CLEAN)
"""The kinds that contexts take."""


class Sampler:
    """Draws segments that fit a configuration, from seeded generators of its own."""

    def __init__(self, seed: int, config: ModelConfig) -> None:
        self.config = config
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def ids(self, length: int) -> tuple[int, ...]:
        """Ordinary token ids: the last few of the vocabulary are left to delimiters."""
        return tuple(self.random.randrange(self.config.decoder.vocabulary - 8) for _ in range(length))

    def text(self, length: int, role: Role = Role.PROMPT, loss: bool = False) -> Segment:
        return Segment(Kind.TEXT, role, self.ids(length), loss=loss)

    def image(self, kind: Kind, rows: int, columns: int, target: bool = False) -> Segment:
        num = rows * columns
        if kind is Kind.VIEW:
            patches_PD = self.normal(num, self.config.vision.patch_values)
            return Segment(kind, Role.IMAGE, patches_PD, grid=Grid(rows, columns))
        latents_MV = self.normal(num, self.config.latent_values)
        return Segment(
            kind,
            Role.IMAGE,
            latents_MV,
            grid=Grid(rows, columns),
            timestep=self.random.random() if kind is Kind.NOISY else 0.0,
            target=self.normal(num, self.config.latent_values) if target else None,
        )

    def segment(self, kinds: Sequence[Kind] = tuple(Kind)) -> Segment:
        kind = self.random.choice(list(kinds))
        if kind is Kind.TEXT:
            return self.text(self.random.randrange(6), loss=self.random.random() < 0.5)
        return self.image(kind, self.random.randint(1, 3), self.random.randint(1, 3))

    def document(self, kinds: Sequence[Kind] = tuple(Kind), most: int = 5) -> Document:
        return Document(tuple(self.segment(kinds) for _ in range(self.random.randint(1, most))))
