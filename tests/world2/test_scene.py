from itertools import pairwise

import pytest

from irg.world2.scene import (
    RADIUS_RANGES,
    Looks,
    Pose,
    Scene,
    SceneObject,
    Shape,
    Size,
    Texture,
    Zone,
    is_held_out,
    is_possible,
)
from tests.world2.builders import kind, scene, thing


@pytest.mark.parametrize(
    ("x", "y", "zone"),
    [
        (20, 20, "top-left"),
        (42.6, 20, "top-left"),
        (42.7, 20, "top"),
        (64, 64, "center"),
        (126, 126, "bottom-right"),
    ],
)
def test_a_centre_has_a_zone(x, y, zone):
    assert Pose(x, y, 10).zone == zone
    assert Zone.around(-5, 300) is Zone.BOTTOM_LEFT


def test_kinds_differ_only_in_what_both_say():
    assert kind("red star").differences(kind("small blue star")) == ("colour",)
    assert kind("large red star").differences(kind("small blue ring")) == ("size", "colour", "shape")
    assert kind("red star").matches(kind("small star"))
    assert not kind("red").matches(kind("blue star"))


def test_an_object_has_whole_looks():
    with pytest.raises(ValueError, match="a texture and a size"):
        SceneObject(Looks(Shape.STAR), Pose(64, 64, 10))


def test_objects_come_in_reading_order_and_what_is_behind_first():
    right, left = thing("star", 100, 20), thing("ring", 20, 20)
    front, behind = thing("small heart", 60, 64, layer=1), thing("large blue square", 64, 64)
    assert scene(front, behind, right, left).objects == (left, right, behind, front)


def test_nothing_small_is_dotted():
    assert not is_possible(kind("small dotted star"))
    assert is_possible(kind("medium dotted star")) and is_possible(kind("small striped star"))


def test_sizes_are_apart():
    ranges = [RADIUS_RANGES[size] for size in Size]
    assert all(high + 3 <= low for (_, high), (low, _) in pairwise(ranges))


@pytest.mark.parametrize(
    ("things", "held_out"),
    [
        ((thing("purple circle", 64, 64),), True),
        ((thing("striped heart", 64, 64),), True),
        (tuple(thing("star", 20 + 40 * i, 64) for i in range(3)), True),
        (tuple(thing("star", 20 + 40 * i, 64) for i in range(2)), False),
    ],
)
def test_held_out_combinations(things, held_out):
    assert is_held_out(scene(*things)) is held_out


def test_a_scene_without_and_with_an_object():
    star, ring = thing("star", 20, 20), thing("ring", 100, 100)
    assert scene(star, ring).without(star) == scene(ring)
    assert scene(ring).with_object(star) == Scene((star, ring), scene().background)
    assert Texture.PLAIN in star.kind.attributes.values()
