import numpy as np
import pytest

from irg.world.scene import (
    HELD_OUT_COUNTS,
    HELD_OUT_PAIRS,
    Background,
    Colour,
    Pose,
    Scene,
    SceneObject,
    Shape,
    Size,
    Zone,
    fitted_pose,
    is_held_out,
    resized,
    validate,
)


def thing(zone: Zone, shape: Shape = Shape.STAR, colour: Colour = Colour.BLUE) -> SceneObject:
    return SceneObject(shape, colour, Size.LARGE, zone)


def test_zones_are_named_by_row_and_column():
    assert [Zone.at(row, column) for row in range(3) for column in range(3)] == list(Zone)
    assert (Zone.BOTTOM_LEFT.row, Zone.BOTTOM_LEFT.column) == (2, 0)
    with pytest.raises(ValueError, match="row 3"):
        Zone.at(3, 0)


def test_objects_are_kept_in_reading_order():
    scene = Scene((thing(Zone.BOTTOM), thing(Zone.TOP_RIGHT), thing(Zone.LEFT)), Background.SKY)
    assert [one.zone for one in scene.objects] == [Zone.TOP_RIGHT, Zone.LEFT, Zone.BOTTOM]


def test_pose_fills_only_what_is_missing_and_keeps_the_content():
    fixed = SceneObject(Shape.HEART, Colour.RED, Size.SMALL, Zone.TOP, Pose(64, 21, 14, 3))
    scene = Scene((thing(Zone.RIGHT), fixed), Background.MINT)
    posed = scene.pose(np.random.default_rng(0))
    assert posed.at(Zone.TOP) == fixed
    assert posed.at(Zone.RIGHT).pose is not None
    assert posed.same_content(scene)
    assert posed == scene.pose(np.random.default_rng(0))


def test_another_background_is_other_content():
    here, there = (Scene((thing(Zone.TOP),), background) for background in (Background.SKY, Background.ROSE))
    assert not here.same_content(there)


def test_poses_stay_in_the_picture_and_apart_even_after_resizing():
    rng = np.random.default_rng(1)
    for _ in range(200):
        small = SceneObject(Shape.CIRCLE, Colour.RED, Size.SMALL, Zone.TOP_LEFT)
        posed = Scene((small,), Background.SKY).pose(rng).objects[0]
        for one in (posed, resized(posed, Size.LARGE, rng)):
            assert one.pose.x - one.pose.radius > 0
            assert max(one.pose.x, one.pose.y) + one.pose.radius < 128 / 3 - 0.5


@pytest.mark.parametrize("zones", [(), (Zone.TOP, Zone.TOP), tuple(Zone)[:6]])
def test_validate_rejects_what_cannot_be_drawn(zones):
    with pytest.raises(ValueError, match=r"objects|share"):
        validate(Scene(tuple(thing(zone) for zone in zones), Background.SKY))


@pytest.mark.parametrize(("colour", "shape"), sorted(HELD_OUT_PAIRS))
def test_held_out_pairs(colour, shape):
    assert is_held_out(Scene((thing(Zone.TOP, shape, colour),), Background.SKY))


@pytest.mark.parametrize(("count", "shape"), sorted(HELD_OUT_COUNTS))
def test_held_out_counts_are_exact(count, shape):
    objects = tuple(thing(zone, shape, Colour.RED) for zone in Zone)
    assert is_held_out(Scene(objects[:count], Background.SKY))
    assert not is_held_out(Scene(objects[: count - 1], Background.SKY))


def test_a_larger_object_fits_where_a_small_one_was():
    fitted = fitted_pose(Pose(19.5, 66.0, 14.2, -11.0), Zone.LEFT, Size.LARGE)
    assert fitted == Pose(19.8, 65.7, 18.5, -8.0)
    assert fitted_pose(fitted, Zone.LEFT, Size.LARGE) == fitted
