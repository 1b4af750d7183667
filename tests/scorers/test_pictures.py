import numpy as np
import pytest
import torch
from PIL import Image

from irg.scorers.pictures import CLIP_DEVIATION, CLIP_MEAN, as_floats, for_clip, normalised, on_square


def test_a_picture_becomes_its_middle_square() -> None:
    wide = Image.new("RGB", (60, 20), (255, 0, 0))
    wide.paste((0, 0, 255), (20, 0, 40, 20))
    pixels = for_clip(wide, 20)
    assert pixels.shape == (3, 20, 20)
    assert pixels == pytest.approx(normalised(as_floats(wide))[:, :, 20:40])
    assert for_clip(wide.resize((33, 90)), 20).shape == (3, 20, 20)


def test_channels_are_normalised_each_by_its_own() -> None:
    pixels = torch.tensor(CLIP_MEAN)[:, None, None] + torch.tensor(CLIP_DEVIATION)[:, None, None]
    assert normalised(pixels) == pytest.approx(torch.ones(3, 1, 1), abs=1e-6)
    assert normalised(pixels, (0, 0, 0), (1, 1, 1)).equal(pixels)


@pytest.mark.parametrize(("size", "corner"), [((5, 2), (0, 1)), ((2, 5), (1, 0)), ((3, 3), (0, 0))])
def test_a_square_has_the_picture_in_its_middle(size: tuple[int, int], corner: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    square = on_square(picture, (1, 2, 3))
    side = max(size)
    assert square.size == (side, side)
    left, top = corner
    inside = np.asarray(square)[top : top + size[1], left : left + size[0]]
    assert (inside == np.asarray(picture)).all()
    outside = np.asarray(square).reshape(-1, 3).tolist().count([1, 2, 3])
    assert outside == side * side - size[0] * size[1]
