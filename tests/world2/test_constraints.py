import pytest

from irg.world2.constraints import CHALLENGES, Constraint, constraints, is_challenge
from tests.world2.builders import asked


def test_the_constraints_of_a_request():
    assert constraints(asked("two small red stars above a striped ring, no moons")) == {
        Constraint.COUNT,
        Constraint.SIZE,
        Constraint.COLOUR,
        Constraint.TEXTURE,
        Constraint.DIRECTION,
        Constraint.NEGATION,
    }
    assert constraints(asked("a star")) == frozenset()


@pytest.mark.parametrize(
    ("prompt", "challenge"),
    [
        ("a star inside a square, nothing red", True),
        ("more stars than rings, nothing red", True),
        ("more stars than rings, the stars left of the rings", True),
        ("a star, a square and a ring, the star inside the square and the ring above the star", True),
        (
            "a plain star, a moon and a ring, the moon left of the ring and the plain star above the moon",
            True,
        ),
        ("a star, a square and a ring, the square left of the ring and the star above the ring", False),
        ("a star inside a square", False),
        ("a star above a square, nothing red", False),
        ("more stars than rings", False),
    ],
)
def test_challenges(prompt, challenge):
    assert is_challenge(asked(prompt)) is challenge


def test_no_challenge_is_a_constraint_alone():
    assert all(len(challenge) > 1 for challenge in CHALLENGES)
