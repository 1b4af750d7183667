"""What a reading means for a request, and what the next picture should be."""

from dataclasses import replace

import numpy as np
import pytest

from irg.world.edits import malform
from irg.world.flaws import FlawKind, compare
from irg.world.grammar import fulfil
from irg.world.judging import judge, repair
from irg.world.oracle import read
from irg.world.reading import clear_reading
from irg.world.render import render
from irg.world.request import fulfils
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone
from irg.world.wording import parse


def drawn(*objects: SceneObject) -> Scene:
    return Scene(objects, Background.CREAM).pose(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("prompt", "picture", "flaw"),
    [
        ("three circles", "three circles", None),
        ("three circles", "two circles", "wanted 3 circles, see 2"),
        ("a star", "a star and a heart", "wanted no heart, see 1"),
        ("a star", "a heart", "wanted 1 star, see none"),
        ("a red star and a blue heart", "a blue star and a red heart", "wanted a red star, see none"),
        ("a star left of a heart", "a star right of a heart", "the star is not left of the heart"),
        (
            "two red stars above a heart",
            "two red stars under a heart",
            "the red stars are not above the heart",
        ),
        ("a large star", "a small star", "wanted a large star, see none"),
        ("a circle and a red circle", "a red circle and a blue circle", None),
    ],
)
def test_judging(prompt, picture, flaw):
    scene = fulfil(parse(picture), np.random.default_rng(1))
    flaws = judge(parse(prompt), read(render(scene)))
    assert (not flaws) == (flaw is None)
    assert flaw is None or flaw in flaws


def test_an_unclear_object_is_not_right():
    reading = clear_reading(drawn(SceneObject(Shape.STAR, Colour.RED, Size.LARGE, Zone.TOP)))
    unclear = replace(reading, objects=(replace(reading.objects[0], clear=False),))
    assert judge(parse("a star"), reading) == ()
    assert judge(parse("a star"), unclear) == ("the object at top is unclear",)


def test_repair_towards_a_plan_keeps_the_poses_of_what_is_right():
    rng = np.random.default_rng(2)
    request = parse("a red circle and two blue stars")
    plan = fulfil(request, rng)
    picture = replace(plan.content, objects=plan.content.objects[:2]).pose(rng)
    target, flaws = repair(request, clear_reading(picture), plan, rng)
    assert target.same_content(plan)
    assert set(picture.objects) < set(target.objects)
    assert [flaw.kind for flaw in flaws] == [FlawKind.MISSING]


def test_what_repair_draws_anew_stays_in_its_place_and_is_clean():
    rng = np.random.default_rng(6)
    request = parse("a red circle and two blue stars")
    plan = fulfil(request, rng)
    pictures = [malform(plan, rng) for _ in range(40)]
    readings = [read(render(picture)) for picture in pictures]
    unclear = [(reading, zone) for reading in readings for zone in reading.unclear_zones]
    for reading, zone in unclear:
        target, _ = repair(request, reading, plan, rng)
        seen, mended = reading.scene.at(zone), target.at(zone)
        assert mended.content == plan.content.at(zone)
        assert np.hypot(mended.pose.x - seen.pose.x, mended.pose.y - seen.pose.y) < 2
        assert read(render(target)).scene.same_content(plan)
    assert len(unclear) > 10


def test_repair_without_a_good_plan_keeps_what_it_can():
    rng = np.random.default_rng(3)
    request = parse("a circle left of a star")
    picture = fulfil(parse("a circle right of a star"), rng)
    target, flaws = repair(request, clear_reading(picture), picture, rng)
    assert fulfils(target, request)
    assert len(set(picture.objects) & set(target.objects)) == 1
    assert target.background is picture.background
    assert flaws == compare(clear_reading(picture), target)


def test_nothing_to_repair():
    rng = np.random.default_rng(4)
    plan = fulfil(parse("two small hearts"), rng)
    assert repair(parse("two small hearts"), clear_reading(plan), plan, rng) == (plan, ())
