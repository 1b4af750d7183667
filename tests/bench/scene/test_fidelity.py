from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter

from irg.bench.scene.fidelity import Fidelity, fidelity
from irg.pipeline import load_pipeline
from irg.prep import to_pixels, to_uint8
from irg.world import Background, Pose, Scene, SceneObject, random_scene, read, render

Array = np.ndarray
SCENES = [random_scene(np.random.default_rng(seed), allow_held_out=True) for seed in range(8)]
PICTURES = [render(scene) for scene in SCENES]


def blurred(picture: Array, sigma: float) -> Array:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def noisy(picture: Array, spread: float) -> Array:
    noise = np.random.default_rng(0).normal(0, spread, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def tinted(picture: Array, levels: float) -> Array:
    return np.clip(picture + np.array([levels, -levels, 0]), 0, 255).astype(np.uint8)


def wobbling(picture: Array, amplitude: float) -> Array:
    """Every row shifted to and fro by a sine of so many pixels: outlines wobble, nothing else does."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    places = np.clip(columns + amplitude * np.sin(rows * 0.7), 0, picture.shape[1] - 1.001)
    left = places.astype(int)
    share = (places - left)[..., None]
    return (picture[rows, left] * (1 - share) + picture[rows, left + 1] * share + 0.5).astype(np.uint8)


def mean_of(spoil: Callable[[Array, float], Array], strength: float) -> Fidelity:
    found = [fidelity(spoil(picture, strength)) for picture in PICTURES]
    parts = np.array([[one.edges, one.shading, one.colour, one.background] for one in found])
    return Fidelity(*parts.mean(axis=0))


def test_a_true_rendering_is_all_but_perfect() -> None:
    for picture in PICTURES:
        found = fidelity(picture)
        assert found.score > 0.99 and min(found.edges, found.shading, found.colour, found.background) > 0.98


@pytest.mark.parametrize(
    ("spoil", "strengths"),
    [(blurred, (0.0, 0.5, 1, 1.5, 2.5)), (noisy, (0.0, 2, 4, 8, 16)), (wobbling, (0.0, 0.5, 1, 2))],
)
def test_the_worse_the_picture_the_lower_it_is(
    spoil: Callable[[Array, float], Array], strengths: tuple[float, ...]
) -> None:
    found = [mean_of(spoil, strength) for strength in strengths]
    scores = [one.score for one in found]
    assert all(better > worse + 0.005 for better, worse in pairwise(scores)), scores
    edges = [one.edges for one in found]
    assert edges == sorted(edges, reverse=True)


def test_each_part_answers_for_its_own() -> None:
    wobble, tint, noise = mean_of(wobbling, 0.7), mean_of(tinted, 8), mean_of(noisy, 8)
    assert wobble.edges < 0.93 < 0.98 < min(wobble.shading, wobble.background)
    assert tint.colour < 0.95 and tint.background < 0.8 < 0.97 < min(tint.edges, tint.shading)
    assert noise.shading < 0.9 < noise.edges


def test_what_is_in_the_picture_does_not_matter_but_how_it_is_drawn() -> None:
    """A wrong object that is drawn well costs nothing; a right one that is no clean shape costs much."""
    clean = fidelity(PICTURES[0])
    assert abs(clean.score - fidelity(PICTURES[1]).score) < 0.005
    square = render(Scene(tuple(SCENES[0].objects[:1]), SCENES[0].background))
    halved = square.copy()
    thing = read(square).objects[0].thing
    assert thing.pose is not None
    halved[: int(thing.pose.y)] = render(Scene((), SCENES[0].background))[: int(thing.pose.y)]
    assert fidelity(halved).score < fidelity(square).score - 0.05


def test_an_empty_picture_has_a_background_alone() -> None:
    found = fidelity(render(Scene((), Background.MINT)))
    assert found == Fidelity(0.0, 0.0, 0.0, 1.0)
    assert found.score == 0.25


def test_a_known_reading_gives_the_same() -> None:
    spoilt = blurred(PICTURES[2], 1)
    assert fidelity(spoilt, read(spoilt)) == fidelity(spoilt)


def test_several_objects_in_a_zone_are_all_compared() -> None:
    """They are no clean scene, but they are there: rendering one alone would call the other a smear."""
    first, second = Pose(14.0, 14.0, 12.5, 0.0), Pose(33.0, 33.0, 9.0, 0.0)
    thing = SCENES[0].objects[0]
    picture = render(
        Scene(
            tuple(
                SceneObject(thing.shape, thing.colour, thing.size, thing.zone, pose)
                for pose in (first, second)
            ),
            Background.SKY,
        )
    )
    assert len(read(picture).objects) == 2 and len(read(picture).scene.objects) == 1
    assert fidelity(picture).background > 0.95


def test_the_autoencoder_bounds_what_a_model_can_reach() -> None:
    try:
        autoencoder = load_pipeline().parts.autoencoder
    except ValueError as missing:
        pytest.skip(str(missing))
    pixels = to_pixels([Image.fromarray(picture) for picture in PICTURES])
    decoded = to_uint8(autoencoder.decode(autoencoder.encode(pixels)).detach())
    score = float(np.mean([fidelity(picture).score for picture in decoded]))
    assert 0.97 < score < 0.99
