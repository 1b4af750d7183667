import numpy as np
import pytest

from irg.world.grammar import random_scene
from irg.world.render import render
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone
from irg.world.shapes import signed_distance


def centre_scene(shape: Shape, colour: Colour = Colour.GREEN) -> Scene:
    return Scene(
        (SceneObject(shape, colour, Size.LARGE, Zone.CENTER, Pose(64, 64, 19, 0)),), Background.CREAM
    )


def test_rendering_is_deterministic():
    scene = random_scene(np.random.default_rng(5))
    image = render(scene)
    assert image.dtype == np.uint8 and image.shape == (128, 128, 3)
    assert np.array_equal(image, render(scene))


def test_a_scene_without_poses_cannot_be_drawn():
    with pytest.raises(ValueError, match="without a pose"):
        render(random_scene(np.random.default_rng(0)).content)


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


@pytest.mark.parametrize("colour", Colour)
def test_objects_are_far_more_colourful_than_the_background(colour):
    image = render(centre_scene(Shape.CIRCLE, colour)).astype(int)
    chroma = np.ptp(image, axis=-1)
    assert np.median(chroma[54:74, 54:74]) > 2.5 * chroma[:40].max()
