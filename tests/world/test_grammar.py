import numpy as np
import pytest

from irg.world.grammar import (
    COMBINATION_FAMILIES,
    Split,
    fulfil,
    is_held_out_text,
    random_scene,
    sample_prompt,
    sample_request,
)
from irg.world.request import Direction, Family, Group, Request, fulfils, requires_held_out
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone, is_held_out
from irg.world.wording import OutsideWorld, parse, phrase

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


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a gray elephant and a circle", "'gray', 'elephant'"),
        ("six circles", "six"),
        ("0 circles", "0"),
        ("three circles and three stars", "6 objects"),
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


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("split", Split)
def test_splits(family, split):
    rng = np.random.default_rng(2)
    if split is Split.COMBINATIONS and family not in COMBINATION_FAMILIES:
        with pytest.raises(ValueError, match=family.value):
            sample_prompt(rng, family, split)
        return
    for _ in range(30):
        request, text = sample_prompt(rng, family, split)
        assert parse(text) == request
        assert requires_held_out(request) == (split is Split.COMBINATIONS)
        if split is not Split.COMBINATIONS:
            assert is_held_out_text(text) == (split is Split.HELD_OUT)
            assert not is_held_out(fulfil(request, rng))


def test_case_and_full_stop_do_not_change_a_texts_split():
    assert is_held_out_text("a red circle") == is_held_out_text("A red circle.")


@pytest.mark.parametrize("family", Family)
def test_fulfilling_scenes_are_exact(family):
    rng = np.random.default_rng(3)
    for _ in range(40):
        request = sample_request(rng, family)
        scene = fulfil(request, rng)
        assert fulfils(scene, request)
        assert all(thing.pose for thing in scene.objects)


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


def test_fulfilling_keeps_what_it_can():
    rng = np.random.default_rng(4)
    kept = fulfil(parse("a red circle"), rng).objects[0]
    stranger = SceneObject(
        Shape.HEART, Colour.RED, Size.SMALL, next(zone for zone in Zone if zone is not kept.zone)
    )
    scene = fulfil(parse("two red circles and a star"), rng, keep=(stranger, kept))
    assert kept in scene.objects and stranger not in scene.objects


def test_random_scenes_avoid_what_is_held_out_unless_allowed():
    rng = np.random.default_rng(6)
    assert not any(is_held_out(random_scene(rng)) for _ in range(300))
    assert any(is_held_out(random_scene(rng, allow_held_out=True)) for _ in range(100))
