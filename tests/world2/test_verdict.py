from dataclasses import replace

import pytest

from irg.world2.fulfil import fulfil
from irg.world2.matching import fulfils
from irg.world2.oracle import read
from irg.world2.reading import clear_reading
from irg.world2.render import render
from irg.world2.verdict import judge, repair
from tests.world2.builders import asked, rng, scene, thing


@pytest.mark.parametrize(
    ("prompt", "picture", "flaw"),
    [
        ("three circles", "three circles", None),
        ("three circles", "two circles", "three circles: three: nothing, circle: missing"),
        ("a red star and a blue heart", "a red star and a blue heart", None),
        ("a star left of a heart", "a star right of a heart", "star left of heart: "),
        ("more stars than moons", "as many stars as moons", "more stars than moons: "),
        ("two objects, nothing red", "two red objects", "nothing red: two: wrong"),
        ("a star inside a square", "a star inside a square", None),
        ("a star in front of a square", "a star inside a square", "star in front of square: "),
    ],
)
def test_judging(prompt, picture, flaw):
    drawn = fulfil(asked(picture), rng(1))
    verdict = judge(asked(prompt), read(render(drawn)))
    assert verdict.correct is (flaw is None)
    assert not verdict.flaws if flaw is None else any(flaw in one for one in verdict.flaws)


def test_extras_are_named():
    verdict = judge(asked("a star"), clear_reading(scene(thing("star", 20, 20), thing("ring", 64, 64))))
    assert verdict.flaws == ("extra: center medium plain red ring",)


def test_what_does_not_belong_in_a_clean_picture_is_a_flaw():
    reading = replace(clear_reading(scene(thing("star", 20, 20))), problems=("something grey",))
    assert judge(asked("a star"), reading).flaws == ("something grey",)
    assert not judge(asked("a star"), reading).correct


def test_repair_keeps_what_is_right_and_says_what_is_better():
    star = thing("star", 20, 20)
    target, found = repair(asked("a star and a ring"), clear_reading(scene(star)), rng())
    assert star in target.objects and fulfils(target, asked("a star and a ring"))
    assert found.better is not None and found.better.objects[0].text == "top-left medium plain red star"


def test_nothing_to_repair():
    right = scene(thing("star", 20, 20))
    target, found = repair(asked("a star"), clear_reading(right), rng())
    assert target == right and found.better is None
