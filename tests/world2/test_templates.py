import numpy as np
import pytest

from irg.world2.blobs import find_blobs
from irg.world2.render import render
from irg.world2.scene import Background, Shape
from irg.world2.templates import best_fit
from tests.world2.builders import scene, thing


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize(("size", "angle"), [("small", 7), ("large", -9)])
def test_clean_shapes_fit_best_by_far(shape, size, angle):
    drawn = thing(f"{size} green {shape}", 63.3, 64.4, angle=angle)
    (blob,) = find_blobs(render(scene(drawn)).astype(np.float32), Background.SKY)
    fit = best_fit(blob)
    assert fit.shape is shape
    assert fit.overlap > 0.85 and fit.overlap - fit.runner_up > 0.05
    assert abs(fit.pose.radius - drawn.pose.radius) < 0.7
    assert np.hypot(fit.pose.x - 63.3, fit.pose.y - 64.4) < 0.8
