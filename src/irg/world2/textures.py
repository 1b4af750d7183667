"""Which texture a region has: how far its brightness follows the world's stripes or dots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from irg.world2.blobs import Blob, shrunk
from irg.world2.render import texture_pattern
from irg.world2.scene import Texture

Array = np.ndarray

BORDER = 0.15  # share of its brightness that a texture takes at least, in its dark parts
DOUBT = 0.03  # either side of the border
_MIN_PIXELS = 14


@dataclass(frozen=True)
class TextureFit:
    texture: Texture
    clear: bool


def read_texture(blob: Blob, pixels: Array) -> TextureFit:
    """The texture of a blob, by the darkness of stripes and of dots that explains it best."""
    within = shrunk(blob.mask)
    if within.sum() < _MIN_PIXELS:
        within = blob.mask
    stripes, dots = texture_strengths(within, pixels, blob.top, blob.left)
    strongest = Texture.STRIPED if stripes >= dots else Texture.DOTTED
    strength = max(stripes, dots)
    texture = strongest if strength >= BORDER else Texture.PLAIN
    return TextureFit(texture, abs(strength - BORDER) >= DOUBT)


def texture_strengths(within: Array, pixels: Array, top: int, left: int) -> tuple[float, float]:
    """The shares of brightness that stripes and dots take, by least squares that allow for shading."""
    rows, columns = np.nonzero(within)
    if not len(rows):
        return 0.0, 0.0
    rows, columns = rows + top, columns + left
    brightness = pixels[rows, columns].mean(axis=-1)
    brightness = brightness / max(float(brightness.mean()), 1.0)
    x, y = (places - places.mean() for places in (columns, rows))
    terms = [np.ones(len(x)), x, y, x * x, x * y, y * y]
    patterns = [texture_pattern(texture)[rows, columns] for texture in (Texture.STRIPED, Texture.DOTTED)]
    weights, *_ = np.linalg.lstsq(np.stack([*terms, *patterns], axis=1), brightness, rcond=None)
    return -float(weights[-2]), -float(weights[-1])
