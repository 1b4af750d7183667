from dataclasses import replace

import numpy as np
import pytest

from irg.world.edits import malform
from irg.world.grammar import random_scene
from irg.world.render import render
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Wave, Zone
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


def test_malformed_scenes_keep_their_content_and_all_but_one_or_two_objects():
    rng = np.random.default_rng(7)
    for _ in range(50):
        scene = random_scene(rng)
        malformed = malform(scene, rng)
        assert malformed.same_content(scene)
        changed = sum(a != b for a, b in zip(malformed.objects, scene.objects, strict=True))
        assert 1 <= changed <= 2
    with pytest.raises(ValueError, match="without a pose"):
        malform(scene.content, rng)
