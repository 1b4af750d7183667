from dataclasses import replace

import pytest

from irg.world2.check import check, check_text
from irg.world2.edits import perturb
from irg.world2.families import Family
from irg.world2.fulfil import fulfil
from irg.world2.matching import fulfils
from irg.world2.mend import mend
from irg.world2.reading import clear_reading
from irg.world2.sampling import sample_request
from tests.world2.builders import HEART_ON_CIRCLE, asked, rng, scene, thing

STAR, RING = thing("star", 20, 20), thing("small striped blue ring", 64, 64)


def text_of(prompt, seen, target=None):
    return check_text(check(asked(prompt), clear_reading(seen), target or seen))


def test_a_right_picture():
    assert text_of("a red star above a ring", scene(STAR, RING)) == (
        "Seen: top-left medium plain red star, center small striped blue ring, sky. "
        "one red star: one: top-left medium plain red star, red star: right. "
        "one ring: one: center small striped blue ring, ring: right. "
        "Extra: nothing. red star above ring: top-left, center: right. Better: nothing."
    )


def test_wrong_missing_and_extra_objects():
    target = scene(replace(STAR, kind=replace(STAR.kind, colour=RING.colour)), thing("blue star", 100, 100))
    assert text_of("two large blue stars", scene(STAR, RING), target) == (
        "Seen: top-left medium plain red star, center small striped blue ring, sky. "
        "two large blue stars: one: top-left medium plain red star, large blue star: size and color. "
        "two: center small striped blue ring, large blue star: size and shape. Extra: nothing. "
        "Better: top-left medium plain blue star, bottom-right medium plain blue star, sky."
    )
    text = text_of("a star and two moons", scene(STAR))
    assert "two moons: one: nothing, moon: missing. two: nothing, moon: missing." in text
    assert "Extra: center small striped blue ring." in text_of("a star", scene(STAR, RING))


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("a star below a ring", "star below ring: top-left, center: wrong."),
        ("a star below a moon", "star below moon: top-left, center: wrong."),
        ("more stars than rings", "more stars than rings: one, one: wrong."),
        ("as many stars as rings", "as many stars as rings: one, one: right."),
        ("fewer moons than rings", "fewer moons than rings: zero, one: wrong."),
        ("two objects, nothing blue", "nothing blue: one: wrong."),
        ("two objects, no moons", "no moons: zero: right."),
    ],
)
def test_lines_of_the_whole(prompt, line):
    assert f" {line} " in text_of(prompt, scene(STAR, RING))


def test_a_relation_to_nothing_is_missing():
    assert "star above moon: top-left, nothing: missing." in text_of("a star above a moon", scene(STAR))


def test_layers_are_checked():
    text = text_of("a heart in front of a circle", scene(*HEART_ON_CIRCLE))
    assert "heart in front of circle: center, center: right." in text


def test_unclear_objects_are_wrong():
    reading = clear_reading(scene(STAR))
    unclear = replace(reading, objects=(replace(reading.objects[0], clear=False),))
    found = check(asked("a star"), unclear, scene(STAR))
    assert not found.finds_nothing_wrong and found.better is not None
    assert "one: top-left unclear medium plain red star, star: unclear." in check_text(found)


@pytest.mark.parametrize("family", Family)
def test_a_check_finds_nothing_wrong_just_where_nothing_is(family):
    generator = rng(1)
    for index in range(16):
        request = sample_request(generator, family)
        seen = fulfil(request, generator)
        seen = perturb(seen, generator) if index % 2 else seen
        found = check(request, clear_reading(seen), mend(request, seen, generator))
        assert found.finds_nothing_wrong == fulfils(seen, request) == (found.better is None)
