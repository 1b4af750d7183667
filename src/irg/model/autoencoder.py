"""The image autoencoder: diffusers' FLUX modules or the embedded model's, behind one small interface.

Shape suffixes: B images, H and W pixels, C latent channels, h and w latent cells, N latent tokens, V values
of a token.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from einops import rearrange
from torch import nn

from irg.model.config import AutoencoderConfig
from irg.model.patch_autoencoder import PatchAutoencoder

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL


@dataclass(frozen=True, eq=False)
class Moments:
    """Posterior of the latents before scale and shift: mean and log-variance [B, C, h, w] (None: a point)."""

    mean: torch.Tensor
    log_variance: torch.Tensor | None

    def sample(self, noise: torch.Tensor | None) -> torch.Tensor:
        if self.log_variance is None or noise is None:
            return self.mean
        return self.mean + (0.5 * self.log_variance).exp() * noise


class Autoencoder(nn.Module):
    """Pixels in [-1, 1] <-> scaled latents.

    The FLUX autoencoder's posterior is sampled even at inference, as the reference does, so `encode` takes
    the noise; `sampled` says whether it wants any. Images of different sizes are never padded into one batch:
    that would change their latents.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.net = _build(config)

    @property
    def sampled(self) -> bool:
        return self.config.kind == "kl"

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """[C, h, w] for a picture of so many pixels."""
        factor = self.config.downsample
        return self.config.latent_channels, height // factor, width // factor

    def moments(self, image_BCHW: torch.Tensor) -> Moments:
        if not self.sampled:
            return Moments(self.net.encoder(image_BCHW), None)
        # Of pixels that lie channels last, as pictures do, a CPU computes this network 60 times less exactly.
        mean, log_variance = self.net.encoder(image_BCHW.contiguous()).chunk(2, dim=1)
        return Moments(mean, log_variance.clamp(-30.0, 20.0))

    def encode(self, image_BCHW: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Scaled latents [B, C, h, w]; `noise` of that shape, or None for the posterior's mean."""
        sample = self.moments(image_BCHW).sample(noise)
        return self.config.scale * (sample - self.config.shift)

    def decode(self, latent_BChw: torch.Tensor) -> torch.Tensor:
        """Pixels, nominally in [-1, 1], not clamped."""
        return self.net.decoder(latent_BChw / self.config.scale + self.config.shift)


def encode_by_size(
    autoencoder: Autoencoder,
    pictures: Sequence[np.ndarray],
    batch: Callable[[list[np.ndarray]], torch.Tensor],
    noise: Callable[[int, tuple[int, int, int]], torch.Tensor],
    patch: int,
    most: int | None = None,
) -> dict[int, torch.Tensor]:
    """Latent tokens [N, V] of pictures, given as uint8 pixels [H, W, 3], by their index.

    Those of one size are encoded together, `most` at once; never padded to each other's size, which would
    change latents. `batch` makes pixels [B, 3, H, W] of pictures of one size, as the autoencoder takes them.
    `noise` is asked for a picture's, of a shape [C, h, w], where the autoencoder is sampled.
    """
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        by_size.setdefault(picture.shape, []).append(index)
    found: dict[int, torch.Tensor] = {}
    for indices in by_size.values():
        step = most or len(indices)
        for chunk in (indices[start : start + step] for start in range(0, len(indices), step)):
            image_BCHW = batch([pictures[index] for index in chunk])
            noise_BChw = None
            if autoencoder.sampled:
                shape = autoencoder.latent_shape(*image_BCHW.shape[2:])
                noise_BChw = torch.stack([noise(index, shape) for index in chunk]).to(image_BCHW)
            token_BNV = to_tokens(autoencoder.encode(image_BCHW, noise_BChw), patch)
            found |= dict(zip(chunk, token_BNV, strict=True))
    return found


def to_tokens(latent_BChw: torch.Tensor, patch: int) -> torch.Tensor:
    """[B, N, V] latent tokens, row by row, each laid out (p_h, p_w, c)."""
    return rearrange(latent_BChw, "B C (h p) (w q) -> B (h w) (p q C)", p=patch, q=patch)


def from_tokens(token_BNV: torch.Tensor, patch: int, rows: int) -> torch.Tensor:
    """The inverse of `to_tokens`, for pictures `rows` tokens high."""
    return rearrange(token_BNV, "B (h w) (p q C) -> B C (h p) (w q)", h=rows, p=patch, q=patch)


def _build(config: AutoencoderConfig) -> "PatchAutoencoder | AutoencoderKL":
    """The bare network: `encoder` gives moments or latents, `decoder` pixels."""
    if config.kind == "patch":
        fine, coarse = config.channels
        return PatchAutoencoder(fine, coarse, config.num_blocks, config.latent_channels)
    with _unheard():
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    depth = len(config.channels)
    sizes: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * depth,
        "up_block_types": ("UpDecoderBlock2D",) * depth,
        "block_out_channels": config.channels,
        "layers_per_block": config.num_blocks,
        "latent_channels": config.latent_channels,
    }
    return AutoencoderKL(**sizes, use_quant_conv=False, use_post_quant_conv=False)


@contextmanager
def _unheard() -> Iterator[None]:
    """diffusers imports every library of few bits that there is, none of which an autoencoder needs, with
    whatever these warn of."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
