from dataclasses import replace

import numpy as np
import pytest

from irg.world.grammar import random_scene
from irg.world.render import render
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Wave, Zone


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


@pytest.mark.parametrize("colour", Colour)
def test_objects_are_far_more_colourful_than_the_background(colour):
    image = render(centre_scene(Shape.CIRCLE, colour)).astype(int)
    chroma = np.ptp(image, axis=-1)
    assert np.median(chroma[54:74, 54:74]) > 2.5 * chroma[:40].max()


def test_waves_move_the_outline_by_their_amplitude():
    pose = Pose(64, 64, 19, 0)
    bumped = replace(pose, waves=(Wave(0.1, 2, 0.0),))  # out to the left and right, in at the top and bottom
    sizes = []
    for one in (pose, bumped):
        circle = SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, Zone.CENTER, one)
        red = render(Scene((circle,), Background.CREAM))[..., 1] < 100
        sizes.append((red[64].sum(), red[:, 64].sum()))
    (width, height), (wider, lower) = sizes
    assert wider - width == pytest.approx(2 * 0.1 * 19, abs=1.5)
    assert height - lower == pytest.approx(2 * 0.1 * 19, abs=1.5)
