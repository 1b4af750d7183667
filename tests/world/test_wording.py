"""The English of requests, written and read."""

import numpy as np
import pytest

from irg.world.grammar import (
    sample_request,
)
from irg.world.request import Direction, Family, Group, Request
from irg.world.scene import Colour, Shape
from irg.world.wording import OutsideWorld, as_phrased, parse, phrase

RED_CIRCLES_LEFT_OF_A_BLUE_SQUARE = Request(
    Family.COMPOUND,
    (Group(2, Shape.CIRCLE, Colour.RED), Group(1, Shape.SQUARE, Colour.BLUE)),
    Direction.LEFT,
)


@pytest.mark.parametrize("family", Family)
def test_every_wording_reads_back(family):
    rng = np.random.default_rng(0)
    for _ in range(100):
        request = sample_request(rng, family)
        assert request.family is family
        assert parse(phrase(request)) == request
        assert parse(phrase(request, rng)) == request


@pytest.mark.parametrize("family", Family)
def test_wordings_of_training_stay_as_they_are(family):
    rng = np.random.default_rng(1)
    for _ in range(300):
        text = phrase(sample_request(rng, family), rng)
        assert as_phrased(text) == text


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("create an illustration with two red stars", "two red stars"),
        ("a circle on top of a square", "a circle above a square"),
        ("a red colored star", "a red star"),
        ("the star that is underneath a heart", "a star below a heart"),
        ("A Red Circle", "a red circle"),
        ("a  red circle", "a red circle"),
        ("a tiny heart", "a small heart"),
        ("a star and two hearts and a circle", "a star, two hearts and a circle"),
        ("an star", "a star"),
        ("three circles!", "three circles"),
        ("a small, red circle", "a small red circle"),
    ],
)
def test_other_wordings_are_read_as_the_canonical_one(text, read_as):
    assert as_phrased(text) == read_as == as_phrased(read_as)


@pytest.mark.parametrize(
    "text",
    [
        "two red circles left of a blue square",
        "Please draw me a picture of 2 red circles to the left of the blue square.",
        "TWO RED-COLORED CIRCLES ON THE LEFT OF ONE BLUE SQUARE!",
        "a photo of two red coloured circles that are on the left side of a blue square",
    ],
)
def test_wordings_of_one_request(text):
    assert parse(text) == RED_CIRCLES_LEFT_OF_A_BLUE_SQUARE


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a gray elephant and a circle", "'gray', 'elephant'"),
        ("six circles", "six"),
        ("0 circles", "0"),
        ("three circles and three stars", "6 objects"),
        ("a circle, a star, a heart and a square", "4 groups are too many"),
        ("a circle left of a star above a heart", "exactly two groups"),
        ("a circle left of a star and a heart", "exactly two groups"),
        ("a circle left of", "the end"),
        ("circles", "How many circles"),
        ("a red blue circle", "'blue'"),
        ("", "the end"),
    ],
)
def test_what_lies_outside_the_world_is_named_and_the_world_described(text, named):
    with pytest.raises(OutsideWorld) as error:
        parse(text)
    assert named in str(error.value)
    for known in ("heart", "purple", "large", "one to five", "left of"):
        assert known in str(error.value)
