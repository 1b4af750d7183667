import numpy as np
import pytest
from PIL import Image, ImageFilter

from irg.world.grammar import random_scene
from irg.world.oracle import read
from irg.world.render import BACKDROPS, render
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone


def degraded(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """About what a good autoencoder leaves of a picture (PSNR near 30)."""
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(0.9)), dtype=np.float64)
    return np.clip(blurred + rng.normal(0, 6, image.shape) + 0.5, 0, 255).astype(np.uint8)


def disc(image: np.ndarray, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> np.ndarray:
    steps = np.arange(128) + 0.5
    painted = image.copy()
    painted[np.hypot(steps[None, :] - x, steps[:, None] - y) < radius] = colour
    return painted


def empty(background: Background) -> np.ndarray:
    return render(Scene((), background))


def drawn(*objects: SceneObject) -> Scene:
    return Scene(objects, Background.CREAM).pose(np.random.default_rng(0))


@pytest.mark.parametrize("is_degraded", [False, True])
def test_random_scenes_read_back_exactly(is_degraded):
    rng = np.random.default_rng(10)
    for _ in range(150):
        scene = random_scene(rng, allow_held_out=True)
        image = render(scene)
        reading = read(degraded(image, rng) if is_degraded else image)
        assert reading.is_clean
        assert reading.scene.same_content(scene)
        for seen, thing in zip(reading.objects, scene.objects, strict=True):
            assert abs(seen.thing.pose.x - thing.pose.x) < 1
            assert abs(seen.thing.pose.y - thing.pose.y) < 1
            assert abs(seen.thing.pose.radius - thing.pose.radius) < 1


@pytest.mark.parametrize("background", Background)
def test_an_empty_picture_reads_as_an_empty_scene(background):
    reading = read(empty(background))
    assert reading.scene == Scene((), background)
    assert reading.is_clean


@pytest.mark.parametrize("image", [np.zeros((64, 64, 3), np.uint8), np.zeros((128, 128, 3), np.float32)])
def test_other_pictures_are_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        read(image)


@pytest.mark.parametrize(("roundness", "clear"), [(0.1, True), (0.6, False), (0.7, False), (1.0, True)])
def test_a_squarish_circle_is_unclear(roundness, clear):
    """Superellipses from nearly a square to a circle."""
    power = 2 / roundness
    x = np.abs((np.arange(128) + 0.5 - 64) / 17)
    image = empty(Background.SKY).copy()
    image[x[None, :] ** power + x[:, None] ** power < 1] = (230, 46, 54)
    (seen,) = read(image).objects
    assert seen.clear is clear
    assert seen.thing.colour is Colour.RED


def test_a_spoilt_shape_is_unclear():
    star = SceneObject(Shape.STAR, Colour.PINK, Size.LARGE, Zone.CENTER, Pose(64, 64, 19, 0))
    image = disc(render(drawn(star)), 72, 56, 12, (250, 112, 180))
    assert read(image).unclear_zones == (Zone.CENTER,)


def test_specks_are_ignored_and_fragments_are_not():
    clean = render(drawn(SceneObject(Shape.HEART, Colour.RED, Size.LARGE, Zone.TOP)))
    assert read(disc(clean, 20, 100, 2.5, (230, 46, 54))).is_clean
    assert read(disc(clean, 20, 100, 6, (230, 46, 54))).unclear_zones == (Zone.BOTTOM_LEFT,)


def test_two_objects_in_a_zone_are_reported():
    image = disc(disc(empty(Background.CREAM), 55, 64, 7, (230, 46, 54)), 73, 64, 7, (52, 104, 232))
    reading = read(image)
    assert len(reading.objects) == 2
    assert reading.problems == ("2 objects share center",)
    assert reading.unclear_zones == (Zone.CENTER,)


def test_a_blob_across_zones_is_reported():
    image = empty(Background.CREAM).copy()
    image[55:73, 10:75] = (230, 46, 54)
    reading = read(image)
    assert reading.problems == ("one blob spans left and center",)
    assert reading.unclear_zones == (Zone.LEFT, Zone.CENTER)


def test_too_many_objects_are_reported():
    objects = tuple(SceneObject(Shape.CIRCLE, Colour.RED, Size.SMALL, zone) for zone in Zone)
    reading = read(render(drawn(*objects)))
    assert len(reading.scene.objects) == 9
    assert reading.problems == ("9 objects are more than 5",)


def test_a_grey_thing_is_reported():
    grey = tuple(int(level * 0.4) for level in BACKDROPS[Background.SILVER][0])
    assert read(disc(empty(Background.SILVER), 64, 64, 15, grey)).problems
