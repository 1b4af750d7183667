"""What a prompt asks of a picture, and whether a scene is that."""

import pytest

from irg.world.request import Direction, Family, Group, Request, fulfils
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone
from irg.world.wording import parse

RED_CIRCLES_LEFT_OF_A_BLUE_SQUARE = Request(
    Family.COMPOUND,
    (Group(2, Shape.CIRCLE, Colour.RED), Group(1, Shape.SQUARE, Colour.BLUE)),
    Direction.LEFT,
)


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("star", Family.SINGLE),
        ("a big star", Family.SINGLE),
        ("a circle and a star", Family.TWO),
        ("3 hearts", Family.COUNTING),
        ("a red heart", Family.COLORS),
        ("a circle beneath a star", Family.POSITION),
        ("a red star and a blue star", Family.ATTRIBUTION),
        ("a large, red star", Family.COMPOUND),
        ("two stars, a heart and a small blue square", Family.COMPOUND),
    ],
)
def test_families_are_inferred(text, family):
    assert parse(text).family is family


def test_relations_hold_between_all_objects():
    scene = Scene(
        (
            SceneObject(Shape.CIRCLE, Colour.RED, Size.SMALL, Zone.LEFT),
            SceneObject(Shape.CIRCLE, Colour.RED, Size.SMALL, Zone.TOP),
            SceneObject(Shape.SQUARE, Colour.BLUE, Size.SMALL, Zone.BOTTOM),
        ),
        Background.SKY,
    )
    assert not fulfils(scene, RED_CIRCLES_LEFT_OF_A_BLUE_SQUARE)


def test_overlapping_groups_are_matched_by_search():
    request = parse("a circle and a red circle")
    objects = (
        SceneObject(Shape.CIRCLE, Colour.RED, Size.SMALL, Zone.LEFT),
        SceneObject(Shape.CIRCLE, Colour.BLUE, Size.SMALL, Zone.TOP),
    )
    assert fulfils(Scene(objects, Background.SKY), request)
