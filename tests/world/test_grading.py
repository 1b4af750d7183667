"""Grades: right is 1, wrong less than one half, and nearer is more."""

from dataclasses import replace

import numpy as np
import pytest

from irg.world import (
    Family,
    Reading,
    Scene,
    Split,
    Zone,
    fulfil,
    judge,
    parse,
    perturb,
    read,
    render,
    sample_prompt,
)
from irg.world.edits import malform
from irg.world.grading import grade
from irg.world.reading import clear_reading


def scene(prompt: str) -> Scene:
    return fulfil(parse(prompt), np.random.default_rng(0))


def test_what_is_right_is_one_and_what_is_wrong_less_than_half() -> None:
    rng = np.random.default_rng(0)
    for family in Family:
        request, _ = sample_prompt(rng, family, Split.TRAIN)
        target = fulfil(request, rng)
        assert grade(request, clear_reading(target)) == 1.0
        for wrong in (perturb(target, rng), malform(target, rng)):
            reading = read(render(wrong))
            if judge(request, reading):
                assert 0 <= grade(request, reading) < 0.5


def test_nearer_is_more() -> None:
    request = parse("a red circle and a blue square")
    right = scene("a red circle and a blue square")
    circle, square = sorted(right.objects, key=lambda thing: thing.shape)

    def graded(*objects: object) -> float:
        return grade(request, clear_reading(replace(right, objects=objects)))

    colour = replace(square, colour=scene("a green square").objects[0].colour)
    shape = replace(colour, shape=scene("a green star").objects[0].shape)
    grades = [graded(circle, square), graded(circle, colour), graded(circle, shape), graded(circle), graded()]
    assert grades[0] == 1.0 and grades[-1] == 0.0
    assert grades[1:] == pytest.approx([0.5 * 1.7 / 2, 0.5 * 1.4 / 2, 0.5 / 2, 0])
    extra = replace(circle, zone=next(zone for zone in Zone if right.at(zone) is None))
    assert graded(circle, square, extra) == pytest.approx(0.5 * 2 / 3)


def test_an_object_that_is_not_clear_counts_by_how_near_it_is() -> None:
    request, right = parse("a red circle"), clear_reading(scene("a red circle"))

    def graded(score: float) -> float:
        unclear = replace(right.objects[0], clear=False, score=score)
        return grade(request, Reading((unclear,), right.background))

    assert 0.35 < graded(0.4) < graded(0.6) < graded(0.8) < graded(0.99) < 0.5


def test_a_relation_counts_as_one_object() -> None:
    asked = "a red circle left of a blue square"
    right = scene(asked)
    mirrored = parse("a red circle right of a blue square")
    assert grade(parse(asked), clear_reading(right)) == 1.0
    assert grade(mirrored, clear_reading(right)) == pytest.approx(0.5 * 2 / 3)
