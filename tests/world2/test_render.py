import numpy as np
import pytest

from irg.world2.render import PALETTE, TEXTURE_PERIOD, render, texture_pattern
from irg.world2.scene import Background, Colour, Scene, Texture
from tests.world2.builders import HEART_ON_CIRCLE, scene, thing


def test_rendering_is_deterministic_and_of_the_right_form():
    picture = render(scene(*HEART_ON_CIRCLE))
    assert picture.shape == (128, 128, 3) and picture.dtype == np.uint8
    assert np.array_equal(picture, render(scene(*HEART_ON_CIRCLE)))


@pytest.mark.parametrize("colour", Colour)
def test_objects_have_their_colours(colour):
    picture = render(scene(thing(f"large {colour} square", 64, 64)))
    lit, shade = PALETTE[colour]
    middle = picture[70:74, 70:74].mean(axis=(0, 1))
    assert np.linalg.norm(middle - np.mean([lit, shade], axis=0)) < 45


def test_the_higher_layer_is_in_front():
    circle, heart = HEART_ON_CIRCLE
    picture = render(scene(circle, heart))
    assert np.array_equal(picture, render(scene(heart, circle)))
    assert picture[64, 78, 0] > picture[64, 78, 1]  # pink, not green


@pytest.mark.parametrize("texture", [Texture.STRIPED, Texture.DOTTED])
def test_textures_repeat_in_each_patch(texture):
    pattern = texture_pattern(texture)
    assert np.allclose(pattern[:TEXTURE_PERIOD, :TEXTURE_PERIOD], pattern[8:16, 16:24], atol=1e-5)
    assert 0.2 < pattern.mean() < 0.6


@pytest.mark.parametrize("texture", [Texture.STRIPED, Texture.DOTTED])
def test_textures_are_darker_and_keep_the_hue(texture):
    picture = render(scene(thing(f"large blue {texture} square", 64, 64))).astype(float)
    inside = picture[56:72, 56:72].reshape(-1, 3)
    assert inside.mean(axis=-1).min() < 0.65 * inside.mean(axis=-1).max()
    assert (inside.argmax(axis=-1) == 2).all()


def test_backgrounds_are_light_and_differ():
    pictures = [render(Scene((), background)).astype(float) for background in Background]
    assert all(picture.min() > 190 for picture in pictures)
    assert len({tuple(picture.mean(axis=(0, 1)).round()) for picture in pictures}) == len(Background)


def test_objects_cast_shadows():
    with_star, without = (render(one).astype(float) for one in (scene(thing("square", 64, 64)), scene()))
    assert 3 < (without - with_star)[77:79, 62:70].mean() < 40
