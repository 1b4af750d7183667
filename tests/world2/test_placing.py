import pytest

from irg.world2.overlap import GAP, Overlap, are_apart
from irg.world2.placing import Region, is_allowed, is_stacked, placed, slid_under, stacked
from irg.world2.scene import ZONE_BORDERS, ZONE_MARGIN, Zone
from tests.world2.builders import kind, rng, thing

SMALL_STAR = kind("small plain red star")


def test_what_is_placed_is_free_within_bounds_and_off_the_borders_of_zones():
    generator = rng(1)
    taken = [thing("large blue circle", 64, 64), thing("ring", 20, 100)]
    for _ in range(100):
        found = placed(kind("medium striped green heart"), taken, Region(), generator)
        assert found is not None and all(are_apart(found, other, GAP) for other in taken)
        for place in (found.pose.x, found.pose.y):
            assert min(abs(place - border) for border in ZONE_BORDERS) >= ZONE_MARGIN


@pytest.mark.parametrize("zone", Zone)
def test_an_object_can_be_placed_in_each_zone(zone):
    found = placed(kind("large plain red star"), (), Region.of(zone), rng())
    assert found is not None and found.zone is zone


def test_there_is_no_place_where_there_is_no_room():
    assert placed(SMALL_STAR, [thing("large circle", 64, 64)], Region.of(Zone.CENTER), rng()) is None
    assert placed(SMALL_STAR, (), Region(right=5.0), rng()) is None


@pytest.mark.parametrize(
    ("overlap", "upper", "lower"),
    [
        (Overlap.INSIDE, "small plain red star", "large striped blue star"),
        (Overlap.INSIDE, "small plain red moon", "large dotted blue heart"),
        (Overlap.IN_FRONT, "medium plain red cross", "large striped blue square"),
        (Overlap.IN_FRONT, "large plain red triangle", "medium plain blue star"),
    ],
)
def test_objects_are_stacked_from_above_and_from_below(overlap, upper, lower):
    generator = rng(2)
    base = thing(lower, 64, 62)
    on_top = stacked(overlap, kind(upper), base, (), Region(), generator)
    assert on_top is not None and is_stacked(overlap, on_top, base) and on_top.pose.layer == 1
    top = thing(upper, 64, 62)
    below = slid_under(overlap, kind(lower), top, (), Region(), generator)
    assert below is not None and is_stacked(overlap, top, below) and below.pose.layer == -1


def test_the_picture_s_edge_and_the_bounds_count():
    assert is_allowed(thing("star", 30, 30), Region())
    assert not is_allowed(thing("star", 8, 30), Region())
    assert not is_allowed(thing("star", 42, 30), Region())
    assert not is_allowed(thing("star", 30, 30), Region(left=50.0))
