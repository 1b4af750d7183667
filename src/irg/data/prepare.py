"""Documents made ready for a model: token ids, and pictures as uint8 pixels resized to what it takes.

This is the part that needs no accelerator, so loader processes do it. What follows (latents, noise, dropout)
is `irg.data.compose`.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from irg.core import Grid, Role
from irg.data.document import Document, ImagePart, TextPart
from irg.model import ModelConfig
from irg.prep import Resize, Tokenizer


@dataclass(frozen=True)
class ReadyText:
    role: Role
    ids: tuple[int, ...]
    turn: int
    loss: bool


@dataclass(frozen=True, eq=False)
class ReadyImage:
    """An image as the autoencoder and the vision tower will take it: uint8 [H, W, 3], or None if unused."""

    turn: int
    noisy: bool
    clean: bool
    view: bool
    latent_pixels: torch.Tensor | None
    latent_grid: Grid
    view_pixels: torch.Tensor | None
    view_grid: Grid


@dataclass(frozen=True, eq=False)
class Ready:
    """A document ready to be composed. All its randomness comes from `seed`."""

    parts: tuple[ReadyText | ReadyImage, ...]
    mode: str
    seed: int


class Preparer:
    """Makes documents ready for models of one configuration. It can be sent to other processes."""

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer, clean: Resize, view: Resize) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.clean, self.view = clean, view

    def measure(self, document: Document, copies: int = 1) -> int:
        """Tokens of the document in a row, nothing dropped; reads no pixels. `copies` of each NOISY image."""
        return sum(self._length(part, copies) for part in document.parts)

    def __call__(self, document: Document, seed: int) -> Ready:
        return Ready(tuple(self._part(part) for part in document.parts), document.mode, seed)

    def _length(self, part: TextPart | ImagePart, copies: int) -> int:
        if isinstance(part, TextPart):
            return len(self.tokenizer.encode(part.text)) + 2
        latent, view = self.grids(part.image)
        latents = copies * part.noisy + part.clean
        return latents * (latent.num_tokens + 2) + part.view * (view.num_tokens + 2)

    def grids(self, image: Image.Image) -> tuple[Grid, Grid]:
        """Of an image's latents and of its view; only its size is read."""
        width, height = self.clean.size(*image.size)
        latent = Grid(height // self.config.pixels_per_latent, width // self.config.pixels_per_latent)
        width, height = self.view.size(*image.size)
        return latent, Grid(height // self.config.vision.patch, width // self.config.vision.patch)

    def _part(self, part: TextPart | ImagePart) -> ReadyText | ReadyImage:
        if isinstance(part, TextPart):
            return ReadyText(part.role, self.tokenizer.encode(part.text), part.turn, part.loss)
        latent, view = self.grids(part.image)
        picture = part.image.convert("RGB")
        return ReadyImage(
            part.turn,
            part.noisy,
            part.clean,
            part.view,
            _pixels(self.clean(picture)) if part.noisy or part.clean else None,
            latent,
            _pixels(self.view(picture)) if part.view else None,
            view,
        )


def seed_of(*parts: int | str) -> int:
    """A 63-bit seed that depends on all the parts and their order, the same on every machine."""
    content = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1


def _pixels(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture, dtype=np.uint8))
