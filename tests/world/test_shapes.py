"""Signed distances of the shapes."""

import numpy as np
import pytest

from irg.world.scene import Shape
from irg.world.shapes import signed_distance


@pytest.mark.parametrize("shape", Shape)
def test_shapes_have_comparable_area_and_reach(shape):
    steps = np.linspace(-1.5, 1.5, 301)
    inside = signed_distance(shape, steps[None, :], steps[:, None], 1.0, 8.0) < 0
    rows, columns = np.nonzero(inside)
    assert 1.8 < inside.sum() * 0.01**2 < 3.0
    assert np.abs(steps[[rows.min(), rows.max(), columns.min(), columns.max()]]).max() < 1.05


@pytest.mark.parametrize("shape", Shape)
def test_edges_are_antialiased_by_true_distances(shape):
    steps = np.arange(-30.0, 30.0, 0.25)
    distance = signed_distance(shape, steps[None, :], steps[:, None], 19.0, 5.0)
    slope_y, slope_x = np.gradient(distance, 0.25)
    near_outline = np.abs(distance) < 0.5
    assert np.median(np.hypot(slope_x, slope_y)[near_outline]) == pytest.approx(1, abs=0.02)
