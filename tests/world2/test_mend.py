import pytest

from irg.world2.edits import perturb
from irg.world2.families import Family
from irg.world2.fulfil import fulfil, random_scene
from irg.world2.matching import fulfils
from irg.world2.mend import mend, redrawn
from irg.world2.sampling import sample_request
from irg.world2.scene import RADIUS_RANGES, Pose, SceneObject, Size
from tests.world2.builders import HEART_ON_CIRCLE, STAR_IN_SQUARE, asked, kind, rng, scene, thing


@pytest.mark.parametrize("family", Family)
def test_mended_scenes_are_right(family):
    generator = rng(1)
    for index in range(12):
        request = sample_request(generator, family)
        right = fulfil(request, generator)
        assert mend(request, right, generator) is right
        seen = perturb(right, generator) if index % 2 else random_scene(generator)
        mended = mend(request, seen, generator)
        assert fulfils(mended, request) and mended.background is seen.background


STAR, RING = thing("star", 24, 24), thing("blue ring", 100, 64)


@pytest.mark.parametrize(
    ("prompt", "things", "kept"),
    [
        ("a star and a ring", (STAR,), (STAR,)),
        ("a star", (STAR, RING), (STAR,)),
        ("a star and a red ring", (STAR, RING), (STAR,)),
        ("a star left of a ring", (STAR, RING, thing("heart", 64, 100)), (STAR, RING)),
        ("more stars than rings", (STAR, RING), (STAR, RING)),
        ("three objects, nothing blue", (STAR, RING), (STAR,)),
        ("a star, a square and a ring, the star inside the square", STAR_IN_SQUARE, STAR_IN_SQUARE),
        ("a heart in front of a circle", HEART_ON_CIRCLE[:1], HEART_ON_CIRCLE[:1]),
        ("a heart in front of a circle", HEART_ON_CIRCLE[1:], HEART_ON_CIRCLE[1:]),
        ("a star inside a square", STAR_IN_SQUARE[1:], STAR_IN_SQUARE[1:]),
    ],
)
def test_right_objects_stay_exactly_where_they_are(prompt, things, kept):
    mended = mend(asked(prompt), scene(*things), rng(2))
    assert set(kept) <= set(mended.objects)


def test_wrong_objects_change_in_place():
    mended = mend(asked("a large striped green star"), scene(thing("small ring", 64, 66)), rng())
    (star,) = mended.objects
    assert star.kind == kind("large striped green star")
    assert abs(star.pose.x - 64) < 1 and abs(star.pose.y - 66) < 1


def test_only_one_object_moves_for_a_relation():
    mended = mend(asked("a star right of a ring"), scene(STAR, RING), rng())
    assert len({STAR, RING} & set(mended.objects)) == 1


def test_what_grows_is_shifted_off_its_neighbour():
    small, neighbour = thing("small star", 60, 64), thing("blue ring", 84, 64)
    mended = mend(asked("a large star and a blue ring"), scene(small, neighbour), rng(1))
    assert neighbour in mended.objects
    star = next(one for one in mended.objects if one is not neighbour)
    assert star.size is Size.LARGE and abs(star.pose.x - 60) < 15


def test_unclear_objects_are_drawn_anew_in_their_places():
    crooked = SceneObject(STAR.kind, Pose(24, 24, 11.2, 14))
    seen = scene(crooked, RING)
    mended = mend(asked("a star and a ring"), seen, rng(), unclear=(seen.objects[0],))
    star, ring = mended.objects
    low, high = RADIUS_RANGES[Size.MEDIUM]
    assert ring == RING and (star.pose.x, star.pose.y) == (24, 24)
    assert low <= star.pose.radius <= high and star.pose.angle == 10


def test_a_redrawn_object_stays_in_its_zone_and_in_the_picture():
    changed = redrawn(thing("small star", 12, 41.5), kind("large plain red square"), rng())
    assert changed.zone is thing("small star", 12, 41.5).zone
    assert changed.pose.x > 20 and changed.pose.y < 40
