"""Pictures: resizing as the reference does, and conversion between uint8 and pixels in [-1, 1].

Shape suffixes: B images, H and W pixels, P patches, D values of a patch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from einops import rearrange
from PIL import Image

from irg.core.values import check_number


class SizeOnly(Image.Image):
    """Stands for a picture of which only the size is known: enough to measure a document."""

    def __init__(self, size: tuple[int, int]) -> None:
        """`size`: width and height in pixels."""
        super().__init__()
        self._mode, self._size = "RGB", size

    def load(self) -> None:
        raise ValueError(f"the pixels of this picture of {self.width}x{self.height} have not been read")


@dataclass(frozen=True)
class Resize:
    """The reference's resizing rule: fit into `max_side`, not below `min_side`, in multiples of `stride`."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # it stands in settings as it is

    max_side: int
    min_side: int
    stride: int

    def __post_init__(self) -> None:
        for name, side in vars(self).items():
            check_number(f"resizing: {name}", side, 1, whole=True)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after resizing."""
        scale = min(self.max_side / max(width, height), 1.0)
        scale = max(scale, self.min_side / min(width, height))
        width, height = self._snap(width * scale), self._snap(height * scale)
        if max(width, height) > self.max_side:
            scale = self.max_side / max(width, height)
            width, height = self._snap(width * scale), self._snap(height * scale)
        return width, height

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Bicubic with antialiasing, on the uint8 picture."""
        size = self.size(*picture.size)
        return picture if size == picture.size else picture.resize(size, Image.Resampling.BICUBIC)

    def _snap(self, length: float) -> int:
        return max(self.stride, round(round(length) / self.stride) * self.stride)


def to_pixels(
    pictures: Sequence[Image.Image | np.ndarray], device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Pictures of one size, or their uint8 pixels [H, W, 3] -> [B, 3, H, W] in [-1, 1] on the device."""
    array_BHWC = np.stack([np.asarray(picture, dtype=np.uint8) for picture in pictures])
    return (torch.from_numpy(array_BHWC).to(device).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def to_uint8(pixels_BCHW: torch.Tensor) -> np.ndarray:
    """Pixels in [-1, 1] -> uint8 [B, H, W, 3], truncated rather than rounded, as in the reference."""
    scaled = (pixels_BCHW.float() * 0.5 + 0.5).clamp(0, 1) * 255
    return rearrange(scaled.to(torch.uint8), "B C H W -> B H W C").cpu().numpy()


def patches(pixels_CHW: torch.Tensor, size: int) -> torch.Tensor:
    """[P, D] patches, row by row, each laid out (p_h, p_w, c)."""
    return rearrange(pixels_CHW, "C (h p) (w q) -> (h w) (p q C)", p=size, q=size)
