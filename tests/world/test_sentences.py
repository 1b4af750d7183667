"""Thoughts and reflections: one spelling each, and its reading."""

import re
from dataclasses import replace

import numpy as np
import pytest

from irg.world.edits import perturb
from irg.world.flaws import compare
from irg.world.grammar import random_scene
from irg.world.reading import clear_reading
from irg.world.scene import Background, Colour, Scene, SceneObject, Shape, Size, Zone
from irg.world.sentences import parse_reflection, parse_thought, reflection, thought
from irg.world.wording import parse

RED_CIRCLE = SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, Zone.TOP_LEFT)
BLUE_STAR = SceneObject(Shape.STAR, Colour.BLUE, Size.SMALL, Zone.RIGHT)
TARGET = Scene((RED_CIRCLE, BLUE_STAR), Background.CREAM)
THOUGHT = "A large red circle top-left, a small blue star right, on cream."


def seen(*objects: SceneObject, background: Background = Background.CREAM) -> Scene:
    return Scene(objects, background)


def test_a_thought_is_spelt_so():
    assert thought(TARGET) == THOUGHT
    assert parse_thought(THOUGHT) == TARGET
    assert parse_thought(thought(seen())) == seen()


@pytest.mark.parametrize(
    ("prompt", "places"),
    [
        ("a red circle left of a blue star", ["top-left", "right", "bottom"]),
        ("a blue star right of a red circle", ["right", "top-left", "bottom"]),
        ("a star and two circles", ["right", "top-left", "bottom"]),
        ("two circles and a star", ["top-left", "bottom", "right"]),
        # Only one of the two circles was asked for; the first that matches takes its place.
        ("a heart above a circle", ["top-left", "right", "bottom"]),
    ],
)
def test_a_thought_names_objects_in_the_order_of_the_prompt(prompt, places):
    orange_circle = SceneObject(Shape.CIRCLE, Colour.ORANGE, Size.SMALL, Zone.BOTTOM)
    scene, request = seen(RED_CIRCLE, BLUE_STAR, orange_circle), parse(prompt)
    for text in (thought(scene, request), reflection((), scene, request)):
        assert re.findall(r"(?<=circle |..star )[\w-]+(?=,)", text) == places
    assert parse_thought(thought(scene, request)) == scene


def test_where_objects_fit_in_two_orders_the_relation_decides():
    scene = seen(RED_CIRCLE, SceneObject(Shape.CIRCLE, Colour.ORANGE, Size.SMALL, Zone.BOTTOM))
    text = thought(scene, parse("a circle right of a red circle"))
    assert text == "A small orange circle bottom, a large red circle top-left, on cream."


@pytest.mark.parametrize(
    "text",
    [
        "",
        THOUGHT[:-1],
        THOUGHT.replace("on cream", "on beige"),
        THOUGHT.replace("right", "top-left"),
        THOUGHT.replace("small ", ""),
    ],
)
def test_malformed_thoughts_are_refused(text):
    with pytest.raises(ValueError):
        parse_thought(text)


@pytest.mark.parametrize(
    ("picture", "criticism"),
    [
        (TARGET, "Nothing is wrong: keep it and sharpen it."),
        (seen(RED_CIRCLE, replace(BLUE_STAR, colour=Colour.GREEN)), "The star right is green: make it blue."),
        (seen(RED_CIRCLE, replace(BLUE_STAR, shape=Shape.CIRCLE)), "The blue circle right should be a star."),
        (
            seen(replace(RED_CIRCLE, size=Size.SMALL), BLUE_STAR),
            "The red circle top-left is small: make it large.",
        ),
        (seen(RED_CIRCLE), "A small blue star is missing right: add it."),
        (
            seen(RED_CIRCLE, BLUE_STAR, replace(BLUE_STAR, zone=Zone.LEFT)),
            "The blue star left is extra: remove it.",
        ),
        (seen(RED_CIRCLE, BLUE_STAR, background=Background.MINT), "The background is mint: make it cream."),
        (
            seen(RED_CIRCLE, replace(BLUE_STAR, shape=Shape.HEART, colour=Colour.PINK)),
            "The heart right is pink: make it blue. The pink heart right should be a star.",
        ),
    ],
)
def test_reflections_are_spelt_so(picture, criticism):
    flaws = compare(clear_reading(picture), TARGET)
    text = reflection(flaws, TARGET)
    assert text == f"{criticism} Better: {THOUGHT}"
    assert parse_reflection(text) == (flaws, TARGET)


@pytest.mark.parametrize(
    "criticism",
    [
        "The star right is nice.",
        "The star right is green: make it red.",
        "The star left is green: make it blue.",
        "The blue star right is extra: remove it.",
        "A large blue star is missing right: add it.",
    ],
)
def test_malformed_or_contradictory_reflections_are_refused(criticism):
    with pytest.raises(ValueError):
        parse_reflection(f"{criticism} Better: {THOUGHT}")


def test_random_reflections_read_back():
    rng = np.random.default_rng(0)
    for _ in range(200):
        target = random_scene(rng)
        flaws = compare(clear_reading(perturb(target, rng)), target)
        read_flaws, read_target = parse_reflection(reflection(flaws, target))
        assert read_target == target.content
        assert reflection(read_flaws, read_target) == reflection(flaws, target)
