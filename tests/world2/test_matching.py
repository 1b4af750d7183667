from itertools import permutations

import pytest

from irg.world2.matching import assignments, cheapest, fulfils
from tests.world2.builders import HEART_ON_CIRCLE, STAR_IN_SQUARE, asked, rng, scene, thing

LEFT_STAR, RIGHT_RING = thing("star", 20, 64), thing("blue ring", 100, 64)


@pytest.mark.parametrize(
    ("prompt", "things", "right"),
    [
        ("a star", (LEFT_STAR,), True),
        ("a star", (LEFT_STAR, RIGHT_RING), False),
        ("two stars", (LEFT_STAR,), False),
        ("a red star and a blue ring", (LEFT_STAR, RIGHT_RING), True),
        ("a blue star and a red ring", (LEFT_STAR, RIGHT_RING), False),
        ("a star left of a ring", (LEFT_STAR, RIGHT_RING), True),
        ("a star right of a ring", (LEFT_STAR, RIGHT_RING), False),
        ("a star above a ring", (LEFT_STAR, RIGHT_RING), False),
        ("two objects", (LEFT_STAR, RIGHT_RING), True),
        ("two objects, nothing striped", (LEFT_STAR, RIGHT_RING), True),
        ("two objects, nothing blue", (LEFT_STAR, RIGHT_RING), False),
        ("as many stars as rings", (LEFT_STAR, RIGHT_RING), True),
        ("more stars than rings", (LEFT_STAR, RIGHT_RING), False),
        ("more stars than rings", (LEFT_STAR, thing("star", 20, 20), RIGHT_RING), True),
        ("more stars than rings", (LEFT_STAR, thing("star", 20, 20)), False),
        ("a star inside a square", STAR_IN_SQUARE, True),
        ("a red star and a square, the square left of the red star", STAR_IN_SQUARE, False),
        ("a star in front of a square", STAR_IN_SQUARE, False),
        ("a heart in front of a circle", HEART_ON_CIRCLE, True),
        ("a circle behind a heart", HEART_ON_CIRCLE, True),
        ("a heart behind a circle", HEART_ON_CIRCLE, False),
        # An overlap that no one asked for does not count.
        ("a heart and a circle", HEART_ON_CIRCLE, True),
    ],
)
def test_fulfilling(prompt, things, right):
    assert fulfils(scene(*things), asked(prompt)) is right


def test_every_object_of_a_group_is_related_to_every_one_of_the_other():
    rings = (thing("ring", 64, 20), thing("ring", 100, 100))
    assert fulfils(scene(thing("star", 20, 64), *rings), asked("a star left of two rings"))
    assert not fulfils(scene(thing("star", 80, 64), *rings), asked("a star left of two rings"))


def test_centres_need_a_clear_margin():
    assert fulfils(scene(thing("star", 50, 20), thing("ring", 56.5, 100)), asked("a star left of a ring"))
    assert not fulfils(scene(thing("star", 50, 20), thing("ring", 55, 100)), asked("a star left of a ring"))


def test_the_hungarian_method_agrees_with_trying_everything():
    generator = rng(3)
    for _ in range(60):
        rows, columns = int(generator.integers(1, 5)), int(generator.integers(0, 6))
        costs = generator.integers(-5, 12, (rows, columns)).tolist()
        chosen = cheapest(costs, 6.0)
        assert len({one for one in chosen if one is not None}) == sum(one is not None for one in chosen)
        wide = [[*row, *[6.0] * rows] for row in costs]
        total = sum(6.0 if one is None else costs[row][one] for row, one in enumerate(chosen))
        assert total == min(
            sum(wide[row][column] for row, column in enumerate(way))
            for way in permutations(range(columns + rows), rows)
        )


def test_the_nearest_objects_serve_and_right_ones_first():
    objects = scene(thing("blue star", 20, 20), thing("star", 64, 20), thing("ring", 100, 20)).objects
    seating = assignments(asked("two red stars"), objects)
    assert [seat.index for seat in seating.seats] == [1, 0] and seating.extras == (2,)


def test_missing_objects_have_empty_seats():
    seating = assignments(asked("two red stars and a ring"), scene(thing("star", 20, 20)).objects)
    assert [(seat.group, seat.index) for seat in seating.seats] == [(0, 0), (0, None), (1, None)]


def test_of_two_right_objects_that_one_serves_for_which_the_relation_holds():
    other_star = thing("red star", 20, 20)
    objects = scene(other_star, *STAR_IN_SQUARE).objects
    seating = assignments(asked("a star inside a square"), objects)
    assert objects[seating.of(0)[0]] == STAR_IN_SQUARE[1] and seating.extras == (0,)


def test_unclear_objects_serve_where_no_clear_one_does():
    objects = scene(thing("star", 20, 20), thing("star", 64, 20)).objects
    assert assignments(asked("a star"), objects, unclear=(0,)).seats[0].index == 1
    assert assignments(asked("two stars"), objects, unclear=(0,)).extras == ()


def test_only_right_objects_belong_to_an_open_count():
    objects = scene(thing("star", 20, 20), thing("heart", 64, 20), thing("ring", 100, 20)).objects
    seating = assignments(asked("more stars than rings"), objects)
    assert (seating.of(0), seating.of(1), seating.extras) == ((0,), (2,), (1,))
