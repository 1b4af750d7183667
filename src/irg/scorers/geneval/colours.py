"""The colours of objects, as GenEval tells them: CLIP looks at what is inside the mask, on grey."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from irg.scorers.clip import Clip
from irg.scorers.geneval.boxes import Box
from irg.scorers.geneval.verdict import COLOURS

TEMPLATES = (
    "a photo of a {colour} {name}",
    "a photo of a {colour}-colored {name}",
    "a photo of a {colour} object",
)
GREY = "#999"
_LOGIT_SCALE = 100


@dataclass(frozen=True)
class CropOptions:
    """What is shown of an object; the defaults are the benchmark's."""

    background: str | None = GREY
    """What hides the surroundings; None: nothing does."""
    is_cropped: bool = True


def crop(
    picture: Image.Image, box: Box, mask: np.ndarray | None, options: CropOptions | None = None
) -> Image.Image:
    """What CLIP is shown of the object in a box (rounded) and a mask [H, W] of the picture's size.

    Raises ValueError for a mask of another size.
    """
    options = options or CropOptions()
    shown = picture.convert("RGB")
    if mask is not None and mask.shape != (picture.height, picture.width):
        raise ValueError(
            f"a mask of {mask.shape[1]}x{mask.shape[0]} on a picture of {picture.width}x{picture.height}"
        )
    if mask is not None and options.background is not None:
        ground = Image.new("RGB", picture.size, options.background)
        shown = Image.composite(shown, ground, Image.fromarray(mask.astype(np.uint8) * 255))
    left, top, right, bottom = (round(side) for side in box)
    return shown.crop((left, top, right, bottom)) if options.is_cropped else shown


class ColourClassifier:
    """Which of the ten colours things of some name have; the texts of each name are read once."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._known = {}

    def __call__(self, name: str, crops: Sequence[Image.Image]) -> list[list[float]]:
        """For each crop 100 times its nearness to each of `COLOURS`; the greatest is its colour."""
        if name not in self._known:
            self._known[name] = self._clip.labels(
                [[text.format(colour=colour, name=name) for text in TEMPLATES] for colour in COLOURS]
            )
        if not crops:
            return []
        return (_LOGIT_SCALE * self._clip.pictures(crops) @ self._known[name].T).tolist()
