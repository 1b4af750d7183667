import pytest

from irg.world2.request import CountOrder, Group, Link, Request, SpatialRelation, options, requires_held_out
from irg.world2.scene import Shape
from tests.world2.builders import asked, kind

STAR, SQUARE, RING = (Group(1, kind(shape)) for shape in ("star", "square", "ring"))


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (((), ()), "one to 3 groups"),
        (((Group(10, kind("star")),), ()), "from one to 9"),
        (((Group(5, kind("star")), Group(5, kind("ring"))), ()), "10 objects"),
        (((Group(5, kind("large star")),), ()), "too much for one picture"),
        (((Group(None, kind("star")),), ()), "left open only"),
        (((Group(1, kind("small dotted star")),), ()), "Nothing small is dotted"),
        (((STAR, Group(1, kind("red star"))), ()), "two of the groups"),
        (((STAR, SQUARE), (Link(SpatialRelation.LEFT, 0, 2),)), "two different groups"),
        (
            ((STAR, SQUARE), (Link(SpatialRelation.LEFT, 0, 1), Link(SpatialRelation.ABOVE, 1, 0))),
            "two relations",
        ),
        (((STAR, RING), (Link(SpatialRelation.INSIDE, 0, 1),)), "What lies inside"),
        (((STAR, RING), (Link(SpatialRelation.BEHIND, 0, 1),)), "neither is a ring"),
        (
            ((Group(2, kind("star")), SQUARE), (Link(SpatialRelation.INSIDE, 0, 1),)),
            "one object and one other",
        ),
        (
            ((STAR, SQUARE, RING), (Link(SpatialRelation.INSIDE, 0, 1), Link(SpatialRelation.INSIDE, 2, 1))),
            "one other at most",
        ),
    ],
)
def test_requests_that_no_picture_fulfils_are_refused(parts, problem):
    with pytest.raises(ValueError, match=problem):
        Request(*parts)


@pytest.mark.parametrize(
    ("groups", "excluded", "problem"),
    [
        ((STAR,), (kind("star"),), "asked for and excluded"),
        ((Group(1, kind("red star")),), (kind("red"),), "asked for and excluded"),
        ((STAR,), (kind("red ring"),), "a shape, a color"),
        ((STAR,), (kind("red"), kind("blue"), kind("cyan")), "two different"),
        ((STAR,), (kind("red"), kind("red")), "two different"),
    ],
)
def test_exclusions_that_make_no_sense_are_refused(groups, excluded, problem):
    with pytest.raises(ValueError, match=problem):
        Request(groups, (), None, excluded)


def test_the_last_two_counts_are_open_in_a_comparison():
    compared = (Group(None, kind("star")), Group(None, kind("ring")))
    assert Request((SQUARE, *compared), (), CountOrder.MORE).comparison is CountOrder.MORE
    with pytest.raises(ValueError, match="left open"):
        Request((*compared, SQUARE), (), CountOrder.MORE)


@pytest.mark.parametrize(
    ("order", "pairs"), [(CountOrder.MORE, "21"), (CountOrder.FEWER, "12"), (CountOrder.EQUAL, "22")]
)
def test_orders_compare_counts(order, pairs):
    first, second = map(int, pairs)
    assert [other for other in CountOrder if other.holds(first, second)] == [order]


def test_what_a_kind_may_become():
    found = options(kind("small star"), asked("a ring, nothing red and nothing plain"))
    assert [one.shape for one in found["shape"]] == [Shape.STAR]
    assert kind("red") not in found["colour"] and len(found["colour"]) == 7
    assert found["surface"] == [kind("small striped")]
    assert options(kind("red star"), asked("a ring, nothing red")) == {}


@pytest.mark.parametrize(
    ("prompt", "required"),
    [
        ("a purple circle", True),
        ("three stars", True),
        ("two stars", False),
        ("two red stars and a blue star", True),
        ("a heart, nothing plain and nothing dotted", True),
        ("a green heart inside a pink heart, nothing plain", True),
        ("a purple object", False),
        ("more stars than rings", False),
    ],
)
def test_held_out_combinations_are_required(prompt, required):
    assert requires_held_out(asked(prompt)) is required
