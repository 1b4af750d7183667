import numpy as np
import pytest

from irg.world2.scene import Pose, Shape
from irg.world2.shapes import distance_to, outline_points, reach, signed_distance

STEPS = np.linspace(-1.4, 1.4, 281)


@pytest.mark.parametrize("shape", Shape)
def test_distances_are_about_exact(shape):
    """Their gradient has length 1 almost everywhere."""
    distance = signed_distance(shape, STEPS[None, :], STEPS[:, None], 1.0, 0.0)
    slopes = np.hypot(*np.gradient(distance, STEPS, STEPS))
    assert np.quantile(np.abs(slopes - 1), 0.9) < 0.05


@pytest.mark.parametrize("shape", Shape)
def test_shapes_of_a_radius_are_of_a_size(shape):
    inside = signed_distance(shape, STEPS[None, :], STEPS[:, None], 1.0, 0.0) < 0
    area = inside.sum() * (STEPS[1] - STEPS[0]) ** 2
    assert 1.7 < area < 3.0
    assert 0.9 < reach(shape) < 1.3


@pytest.mark.parametrize("shape", Shape)
def test_outline_points_lie_on_the_turned_outline(shape):
    pose = Pose(50, 60, 15, 25)
    x, y = outline_points(shape, pose)
    assert len(x) > 60
    assert np.abs(distance_to(shape, pose, x, y)).max() < 0.2


def test_only_rings_have_a_hole():
    centre = [float(signed_distance(shape, np.zeros(1), np.zeros(1), 10.0, 0.0)[0]) for shape in Shape]
    assert [shape for shape, distance in zip(Shape, centre, strict=True) if distance > 3] == [Shape.RING]
