"""Finding objects in a picture: regions, backgrounds, things without colour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from irg.world.blobs import find_background, find_blobs, has_colourless_thing, label
from irg.world.render import BACKDROPS, render
from irg.world.scene import Background, Colour, Pose, Scene, SceneObject, Shape, Size, Zone


def flooded(mask: np.ndarray) -> np.ndarray:
    """A naive twin of `label`: one region after the other, a pixel at a time."""
    labels = np.zeros(mask.shape, dtype=int)
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        number, todo = labels.max() + 1, [start]
        while todo:
            row, column = todo.pop()
            inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
            if inside and mask[row, column] and not labels[row, column]:
                labels[row, column] = number
                todo += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
    return labels


def picture(*objects: SceneObject, background: Background = Background.SKY) -> np.ndarray:
    return render(Scene(objects, background)).astype(np.float32)


def circle(zone: Zone, x: float, y: float) -> SceneObject:
    return SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, zone, Pose(x, y, 18, 0))


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_regions_are_numbered_as_by_flooding(mask: np.ndarray) -> None:
    labels, count = label(mask)
    expected = flooded(mask)
    assert labels.shape == mask.shape and count == expected.max()
    assert np.array_equal(labels, expected)


@pytest.mark.parametrize("background", Background)
def test_a_background_is_known_beside_objects_and_by_its_tint(background: Background) -> None:
    pixels = picture(circle(Zone.CENTER, 64, 64), circle(Zone.TOP, 64, 21), background=background)
    assert find_background(pixels) is background
    assert find_background(pixels - 8) is background


def test_a_blob_is_where_its_object_is() -> None:
    blobs, spanning = find_blobs(
        picture(circle(Zone.TOP_LEFT, 22, 20), circle(Zone.CENTER, 64, 66)), Background.SKY
    )
    assert not spanning and len(blobs) == 2
    for blob, (x, y) in zip(sorted(blobs, key=lambda blob: blob.top), ((22, 20), (64, 66)), strict=True):
        assert blob.centre == pytest.approx((x, y), abs=0.3)
        assert blob.area == pytest.approx(np.pi * (0.95 * 18) ** 2, rel=0.03)
        assert blob.colour[0] > 2 * blob.colour[1:].max() and blob.loose < 0.2


def test_what_lies_across_zones_is_one_region_of_several_blobs() -> None:
    blobs, spanning = find_blobs(picture(circle(Zone.CENTER, 43, 64)), Background.SKY)
    assert len(blobs) == 2 and spanning == [tuple(blobs)]


def test_something_grey_is_no_blob_and_is_noticed() -> None:
    pixels = picture()
    assert not has_colourless_thing(pixels, Background.SKY)
    pixels[40:48, 40:48] = 0.4 * np.mean(BACKDROPS[Background.SKY], axis=0)
    assert has_colourless_thing(pixels, Background.SKY)
    assert find_blobs(pixels, Background.SKY) == ([], [])
