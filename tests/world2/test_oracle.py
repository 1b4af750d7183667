import numpy as np
import pytest
from PIL import Image, ImageFilter

from irg.world2.edits import malform
from irg.world2.families import Family
from irg.world2.fulfil import fulfil, random_scene
from irg.world2.oracle import read
from irg.world2.reading import same_content
from irg.world2.render import BACKDROPS, render
from irg.world2.sampling import sample_request
from irg.world2.scene import Background, Scene, Shape, Size
from tests.world2.builders import HEART_ON_CIRCLE, STAR_IN_SQUARE, rng, scene, thing


def degraded(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """About what a good autoencoder leaves of a picture (PSNR near 30)."""
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float64)
    return np.clip(blurred + generator.normal(0, 5, image.shape) + 0.5, 0, 255).astype(np.uint8)


def disc(image: np.ndarray, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> np.ndarray:
    steps = np.arange(128) + 0.5
    painted = image.copy()
    painted[np.hypot(steps[None, :] - x, steps[:, None] - y) < radius] = colour
    return painted


def test_random_scenes_read_back_exactly():
    generator = rng(10)
    for _ in range(80):
        drawn = random_scene(generator, allow_held_out=True)
        reading = read(render(drawn))
        assert reading.is_clean
        assert same_content(reading.scene, drawn)


def test_degraded_pictures_read_back_nearly_always():
    generator = rng(11)
    drawn = [random_scene(generator, allow_held_out=True) for _ in range(50)]
    readings = [read(degraded(render(one), generator)) for one in drawn]
    assert all(same_content(reading.scene, one) for reading, one in zip(readings, drawn, strict=True))
    assert sum(reading.is_clean for reading in readings) >= 49


@pytest.mark.parametrize("family", Family)
def test_pictures_of_prompts_read_back_exactly(family):
    generator = rng(12)
    for _ in range(8):
        drawn = fulfil(sample_request(generator, family), generator)
        reading = read(render(drawn))
        assert reading.is_clean and same_content(reading.scene, drawn)


def test_poses_are_read_within_a_pixel():
    generator = rng(13)
    for _ in range(30):
        drawn = random_scene(generator)
        for seen, true in zip(read(render(drawn)).scene.objects, drawn.objects, strict=True):
            assert abs(seen.pose.x - true.pose.x) < 1.2 and abs(seen.pose.y - true.pose.y) < 1.2
            assert abs(seen.pose.radius - true.pose.radius) < 1.2


@pytest.mark.parametrize("things", [STAR_IN_SQUARE, HEART_ON_CIRCLE])
def test_what_overlaps_is_read(things):
    reading = read(render(scene(*things)))
    assert reading.is_clean and same_content(reading.scene, scene(*things))
    assert sorted(one.pose.layer for one in reading.scene.objects) == [0, 1]


@pytest.mark.parametrize("background", Background)
def test_an_empty_picture_reads_as_an_empty_scene(background):
    reading = read(render(Scene((), background)))
    assert reading.scene == Scene((), background) and reading.is_clean


@pytest.mark.parametrize("image", [np.zeros((64, 64, 3), np.uint8), np.zeros((128, 128, 3), np.float32)])
def test_other_pictures_are_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        read(image)


@pytest.mark.parametrize(("roundness", "clear"), [(0.1, True), (0.6, False), (0.7, False), (1.0, True)])
def test_a_squarish_circle_is_unclear(roundness, clear):
    """Superellipses from nearly a square to a circle."""
    power = 2 / roundness
    x = np.abs((np.arange(128) + 0.5 - 64) / 17)
    image = render(Scene((), Background.SKY))
    image[x[None, :] ** power + x[:, None] ** power < 1] = (230, 46, 54)
    (seen,) = read(image).objects
    assert seen.clear is clear


def test_a_spoilt_shape_is_unclear():
    star = thing("large pink star", 64, 64)
    reading = read(disc(render(scene(star)), 74, 54, 9, (250, 112, 180)))
    assert [one.clear for one in reading.objects] == [False]


def test_malformed_objects_are_unclear_if_they_are_so_by_much():
    generator = rng(14)
    clear = {0.03: 0, 0.12: 0}
    for _ in range(60):
        drawn = malform(
            scene(thing("large red circle", 64, 64), thing("large blue square", 20, 20)), generator
        )
        reading = read(render(drawn))
        for seen, true in zip(reading.objects, drawn.objects, strict=True):
            strength = sum(wave.amplitude for wave in true.pose.waves)
            if strength:
                clear[0.03 if strength < 0.05 else 0.12] += seen.clear if not 0.05 < strength < 0.10 else 0
    assert clear[0.03] > 2 * clear[0.12]


def test_specks_are_ignored_and_fragments_are_not():
    clean = render(scene(thing("large red heart", 64, 20)))
    assert read(disc(clean, 20, 100, 2.5, (230, 46, 54))).is_clean
    assert not read(disc(clean, 20, 100, 5, (230, 46, 54))).is_clean


def test_objects_of_no_size_are_unclear():
    image = render(Scene((), Background.CREAM))
    seen = [read(disc(image, 64, 64, radius, (230, 46, 54))).objects[0] for radius in (6, 9, 13, 18, 24)]
    assert [one.clear for one in seen] == [False, True, True, True, False]
    assert [one.thing.size for one in seen[1:4]] == list(Size)
    assert {one.thing.shape for one in seen} == {Shape.CIRCLE}


def test_a_grey_thing_is_reported():
    grey = tuple(int(level * 0.4) for level in BACKDROPS[Background.SILVER][0])
    image = disc(render(Scene((), Background.SILVER)), 64, 64, 15, (grey[0], grey[1], grey[2]))
    assert read(image).problems


def test_of_too_many_objects_the_largest_are_told():
    image = render(
        scene(*(thing("blue circle", 20 + 40 * i, 20 + 40 * j) for i in range(3) for j in range(3)))
    )
    image = disc(image, 40, 40, 6, (230, 46, 54))
    reading = read(image)
    assert len(reading.objects) == 9 and reading.problems == ("10 objects are more than 9",)


@pytest.mark.parametrize("kind", ["noise", "blocks", "discs", "black", "two pictures"])
def test_any_picture_is_read(kind):
    generator = rng(15)
    for _ in range(4):
        if kind == "noise":
            image = generator.integers(0, 255, (128, 128, 3))
        elif kind == "blocks":
            image = np.kron(generator.integers(0, 255, (16, 16, 3)), np.ones((8, 8, 1)))
        elif kind == "discs":
            image = render(scene())
            for _ in range(30):
                red, green, blue = generator.integers(0, 255, 3)
                x, y, radius = generator.uniform(0, 128, 3) * (1, 1, 0.15)
                image = disc(image, x, y, radius, (red, green, blue))
        elif kind == "black":
            image = np.zeros((128, 128, 3))
        else:
            image = (render(random_scene(generator)) / 2 + render(random_scene(generator)) / 2).astype(int)
        assert len(read(image.astype(np.uint8)).objects) <= 9
