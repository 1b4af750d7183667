import pytest

from irg.world2.overlap import Overlap, Stacking, are_apart, can_overlap, hidden_share, is_inside, stackings
from tests.world2.builders import HEART_ON_CIRCLE, STAR_IN_SQUARE, kind, thing


def test_what_overlaps_is_read_off_the_poses():
    far = thing("small cross", 20, 20)
    assert stackings((far, *STAR_IN_SQUARE)) == (Stacking(Overlap.INSIDE, 2, 1),)
    assert stackings(HEART_ON_CIRCLE) == (Stacking(Overlap.IN_FRONT, 1, 0),)
    assert stackings((thing("star", 30, 64), thing("ring", 64, 64))) == ()


def test_touching_is_not_overlapping():
    first, second = thing("circle", 40, 64), thing("blue circle", 64, 64, layer=1)
    assert not are_apart(first, second)
    assert stackings((first, second)) == ()


def test_the_hidden_share_grows_with_the_overlap():
    circle = thing("large green circle", 60, 64)
    shares = [hidden_share(thing("medium pink heart", x, 64, layer=1), circle) for x in (95, 85, 75, 65)]
    assert shares == sorted(shares)
    assert shares[0] < 0.05 and 0.3 < shares[-1] < 0.6


def test_inside_is_within_the_outline_everywhere():
    square, star = STAR_IN_SQUARE
    assert is_inside(star, square, margin=1.5)
    assert not is_inside(thing("small red star", 75, 64), square)


@pytest.mark.parametrize(
    ("overlap", "upper", "lower", "allowed"),
    [
        (Overlap.INSIDE, "star", "square", True),
        (Overlap.INSIDE, "large star", "square", False),
        (Overlap.INSIDE, "star", "small square", False),
        (Overlap.INSIDE, "dotted star", "square", False),
        (Overlap.INSIDE, "star", "ring", False),
        (Overlap.INSIDE, "square", "triangle", False),
        (Overlap.INSIDE, "red star", "red square", False),
        (Overlap.IN_FRONT, "cross", "square", True),
        (Overlap.IN_FRONT, "square", "cross", False),
        (Overlap.IN_FRONT, "moon", "square", False),
        (Overlap.IN_FRONT, "small star", "square", False),
    ],
)
def test_what_may_lie_on_what(overlap, upper, lower, allowed):
    assert can_overlap(overlap, kind(upper), kind(lower)) is allowed
