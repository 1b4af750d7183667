import numpy as np
import pytest

from irg.world2.blobs import filled, find_background, find_blobs, grown, has_colourless_thing, label, shrunk
from irg.world2.render import render
from irg.world2.scene import Background, Colour, Scene
from tests.world2.builders import HEART_ON_CIRCLE, scene, thing


def drawn_mask(*rows: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in row] for row in rows])


def test_regions_are_numbered_in_reading_order():
    labels, number = label(drawn_mask("##..#", ".#..#", "...#.", "##.##"))
    assert number == 4
    assert labels.tolist() == [[1, 1, 0, 0, 2], [0, 1, 0, 0, 2], [0, 0, 0, 3, 0], [4, 4, 0, 3, 3]]


def test_masks_grow_shrink_and_fill():
    ring = drawn_mask(".....", ".###.", ".#.#.", ".###.", ".....")
    assert np.array_equal(filled(ring), drawn_mask(".....", ".###.", ".###.", ".###.", "....."))
    assert shrunk(filled(ring)).sum() == 1
    assert grown(shrunk(filled(ring))).sum() == 5


@pytest.mark.parametrize("background", Background)
def test_backgrounds_are_found_behind_objects(background):
    picture = render(scene(*HEART_ON_CIRCLE, thing("large yellow star", 20, 20), background=background))
    assert find_background(picture.astype(np.float32)) is background


@pytest.mark.parametrize("colour", Colour)
@pytest.mark.parametrize("texture", ["plain", "striped", "dotted"])
def test_an_object_is_one_blob_of_its_colour_and_area(colour, texture):
    pixels = render(scene(thing(f"large {texture} {colour} circle", 64, 64))).astype(np.float32)
    (blob,) = find_blobs(pixels, Background.SKY)
    assert blob.colour is colour
    assert abs(blob.area - np.pi * (0.95 * 18) ** 2) < 0.05 * blob.area
    assert np.hypot(blob.centre[0] - 64, blob.centre[1] - 64) < 0.5


def test_objects_that_overlap_are_two_blobs_of_one_clump():
    pixels = render(scene(*HEART_ON_CIRCLE, thing("blue star", 20, 20))).astype(np.float32)
    blobs = find_blobs(pixels, Background.SKY)
    assert sorted(blob.colour for blob in blobs) == ["blue", "green", "pink"]
    clumps = {blob.colour.value: blob.clump for blob in blobs}
    assert clumps["green"] == clumps["pink"] != clumps["blue"]


def test_grey_things_have_no_colour():
    picture = render(Scene((), Background.SILVER))
    assert not has_colourless_thing(picture.astype(np.float32), Background.SILVER)
    picture[40:60, 40:60] = 90
    assert has_colourless_thing(picture.astype(np.float32), Background.SILVER)
