import pytest

from irg.world2.grammar import handwritten_prompts
from irg.world2.parsing import OutsideWorld, parse
from irg.world2.request import CountOrder, Group, Link, Request, SpatialRelation
from irg.world2.wording import is_wording
from tests.world2.builders import kind


@pytest.mark.parametrize(
    "text",
    [
        "two red circles left of a blue square",
        "Please draw 2 red circles to the left of one blue square.",
        "two red circles and a blue square, the red circles on the left of the blue square",
    ],
)
def test_wordings_of_one_request(text):
    circles, square = Group(2, kind("red circle")), Group(1, kind("blue square"))
    assert parse(text) == Request((circles, square), (Link(SpatialRelation.LEFT, 0, 1),))


def test_comparisons_and_exclusions():
    hearts = Group(None, kind("red heart")), Group(None, kind("blue heart"))
    assert parse("more red hearts than blue ones") == Request(hearts, (), CountOrder.MORE)
    assert parse("the same number of red hearts and blue hearts") == Request(hearts, (), CountOrder.EQUAL)
    assert parse("four objects without stars and nothing red") == Request(
        (Group(4, kind("")),), (), None, (kind("star"), kind("red"))
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a gray elephant and a circle", "'gray', 'elephant'"),
        ("12 circles", "12 objects"),
        ("six circles and five stars", "11 objects"),
        ("a circle left of", "the end"),
        ("a circle and", "ends too early"),
        ("circles", "A number"),
        ("a red blue circle", "'blue'"),
        ("", "Nothing was asked for"),
        ("a small dotted star", "Nothing small is dotted"),
        ("a star behind a ring", "neither is a ring"),
        ("a star and a red star", "two of the groups"),
        ("a star and a ring, the heart left of the ring", "named before"),
        ("a red large star", "say 'a large red star'"),
        ("A RED STAR", "say 'a red star'"),
        ("two star", "say 'two stars'"),
        ("a orange star", "say 'an orange star'"),
        ("a star , a ring", "say 'a star and a ring'"),
    ],
)
def test_what_lies_outside_the_world_is_named_and_the_world_described(text, named):
    with pytest.raises(OutsideWorld) as error:
        parse(text)
    assert named in str(error.value)
    for known in ("heart", "purple", "large", "one to nine", "left of", "nothing red"):
        assert known in str(error.value)


@pytest.mark.parametrize("prompt", handwritten_prompts())
def test_prompts_written_by_hand_are_of_the_world(prompt):
    assert is_wording(prompt, parse(prompt))
