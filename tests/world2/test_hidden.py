import numpy as np
import pytest

from irg.world2.hidden import fit_hidden
from irg.world2.overlap import COVERABLE
from irg.world2.scene import Shape
from irg.world2.shapes import distance_to
from tests.world2.builders import thing

STEPS = np.arange(96) + 0.5


def mask_of(words: str, x: float, y: float) -> np.ndarray:
    drawn = thing(words, x, y)
    return distance_to(drawn.shape, drawn.pose, STEPS[None, :], STEPS[:, None]) < 0


@pytest.mark.parametrize("shape", sorted(COVERABLE))
@pytest.mark.parametrize("size", ["medium", "large"])
def test_what_is_hidden_is_told_from_what_is_seen_of_it(shape, size):
    front, behind = (
        mask_of("medium circle", 62, 50),
        mask_of(f"{size} {shape}", 46 if size == "large" else 50, 44),
    )
    fit = fit_hidden(behind & ~front, front, top=10, left=20)
    assert fit is not None and fit.shape is Shape(shape)
    assert fit.overlap > 0.85
    assert abs(fit.pose.x - (66 if size == "large" else 70)) < 1.5 and abs(fit.pose.y - 54) < 1.5


def test_nothing_is_hidden_behind_what_is_far():
    assert fit_hidden(mask_of("medium square", 20, 20), mask_of("medium circle", 76, 76), 0, 0) is None
