"""Pictures as detectors and CLIP expect them: resized and cropped by Pillow, as floats by torch.

Shape suffixes: C channels, H and W pixels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def as_floats(picture: Image.Image) -> torch.Tensor:
    """RGB [C, H, W] in [0, 1]."""
    array_HWC = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    return torch.from_numpy(array_HWC.copy()).permute(2, 0, 1).float() / 255


def normalised(
    pixels_CHW: torch.Tensor, mean: Sequence[float] = CLIP_MEAN, deviation: Sequence[float] = CLIP_DEVIATION
) -> torch.Tensor:
    """Less the mean and over the deviation of each channel; those of CLIP if nothing is said."""
    scale = pixels_CHW.new_tensor
    return (pixels_CHW - scale(mean)[:, None, None]) / scale(deviation)[:, None, None]


def for_clip(picture: Image.Image, side: int) -> torch.Tensor:
    """The middle [C, side, side] of the picture, its shorter side brought to `side`: bicubic, normalised."""
    width, height = picture.size
    short = min(width, height)
    size = (int(side * width / short), int(side * height / short))
    resized = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return normalised(as_floats(resized.crop((left, top, left + side, top + side))))


def on_square(picture: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    """The picture in the middle of a square of its longer side, on a colour."""
    width, height = picture.size
    side = max(width, height)
    square = Image.new("RGB", (side, side), colour)
    square.paste(picture.convert("RGB"), ((side - width) // 2, (side - height) // 2))
    return square
