from dataclasses import replace

import numpy as np
import pytest

from irg.bench.scene.reflections import ReflectionCheck, TargetSource, check, mark, planned_scene, tally
from irg.world import (
    Background,
    Colour,
    Flaw,
    FlawKind,
    Scene,
    SceneObject,
    Shape,
    Size,
    Zone,
    fulfil,
    parse,
    perturb,
    read,
    reflection,
    render,
    thought,
)
from irg.world.flaws import compare
from irg.world.reading import clear_reading

PROMPT = "a red circle and a blue square"
CIRCLE = SceneObject(Shape.CIRCLE, Colour.RED, Size.LARGE, Zone.LEFT)
SQUARE = SceneObject(Shape.SQUARE, Colour.BLUE, Size.SMALL, Zone.RIGHT)
PLAN = Scene((CIRCLE, SQUARE), Background.SKY)
PLANNED = "A large red circle left, a small blue square right, on sky."


def checked(shown: Scene, text: str, plan: str | None = PLANNED) -> ReflectionCheck:
    posed = shown.pose(np.random.default_rng(0))
    return check(parse(PROMPT), plan, clear_reading(posed), text)


def true_text(shown: Scene) -> str:
    return reflection(compare(clear_reading(shown), PLAN), PLAN)


def shares(one: ReflectionCheck, kind: str | None = None) -> tuple[int, int, int]:
    """How many flaws are present, named, and rightly named."""
    result = tally([one])
    found = result["kinds"][kind] if kind else result["all"]
    return found["present"], found["named"], found["right"]


def test_the_reflection_that_training_would_teach_is_always_right() -> None:
    rng = np.random.default_rng(5)
    checks = []
    for _ in range(60):
        request = parse(PROMPT)
        plan = fulfil(request, rng)
        reading = read(render(perturb(plan, rng)))
        text = reflection(compare(reading, plan), plan)
        checks.append(check(request, thought(plan), reading, text))
    result = tally(checks)
    assert result["all"]["present"] == result["all"]["named"] == result["all"]["right"] > 60
    assert result["all"]["precision"]["value"] == result["all"]["recall"]["value"] == 1.0
    assert result["targets"]["plan"] == result["described_right"] == 60 and result["unreadable"] == 0
    assert {kind for kind, found in result["kinds"].items() if found["present"]} == {
        str(kind) for kind in FlawKind if kind is not FlawKind.UNCLEAR
    }


def test_nothing_wrong_is_right_of_a_right_picture_only() -> None:
    silent = f"Nothing is wrong: keep it and sharpen it. Better: {PLANNED}"
    right, wrong = checked(PLAN, silent), checked(replace(PLAN, objects=(CIRCLE,)), silent)
    result = tally([right, wrong, wrong])
    assert result["flawless"] == {"nothing_wrong": 1, "flaws_named": 0, "unreadable": 0}
    assert result["flawed"] == {"nothing_wrong": 2, "flaws_named": 0, "unreadable": 0}
    assert result["all"]["recall"]["value"] == 0.0 and result["all"]["precision"] is None


PINK = replace(PLAN, objects=(replace(CIRCLE, colour=Colour.PINK), SQUARE))


@pytest.mark.parametrize(
    ("sentence", "right"),
    [
        ("The circle left is pink: make it red.", True),
        ("The star left is pink: make it red.", True),  # the shape is not what the sentence is about
        ("The circle left is orange: make it red.", False),
        ("The square right is pink: make it blue.", False),
        ("The pink circle left is small: make it large.", False),
    ],
)
def test_a_sentence_is_right_by_kind_zone_and_its_own_attribute(sentence: str, right: bool) -> None:
    assert shares(checked(PINK, f"{sentence} Better: {PLANNED}")) == (1, 1, int(right))


def test_a_zone_may_be_right_where_the_kind_is_not() -> None:
    one = checked(PINK, f"The pink star left should be a circle. Better: {PLANNED}")
    result = tally([one])
    assert result["all"]["right"] == 0 and result["places"]["right"] == 1
    assert result["kinds"]["shape"]["precision"]["value"] == 0.0
    assert result["kinds"]["colour"]["recall"]["value"] == 0.0


def test_the_colour_of_what_is_too_much_decides() -> None:
    extra = SceneObject(Shape.STAR, Colour.GREEN, Size.SMALL, Zone.TOP)
    shown = replace(PLAN, objects=(CIRCLE, SQUARE, extra))
    for sentence, right in (
        ("The green star top is extra: remove it.", 1),
        ("The green heart top is extra: remove it.", 1),
        ("The pink star top is extra: remove it.", 0),
    ):
        assert shares(checked(shown, f"{sentence} Better: {PLANNED}"), "extra") == (1, 1, right)


def test_what_cannot_be_read_names_nothing_and_is_counted() -> None:
    contradictory = f"The circle left is pink: make it green. Better: {PLANNED}"
    for text in (contradictory, "the the the"):
        one = checked(PINK, text)
        assert one.named is None and shares(one) == (1, 0, 0)
        assert tally([one])["unreadable"] == tally([one])["flawed"]["unreadable"] == 1
    assert checked(PINK, contradictory).described_right and not checked(PINK, "the the the").described_right


def test_a_wrong_plan_is_replaced_by_the_scene_that_the_reflection_describes() -> None:
    wrong = "A large red circle left, on sky."
    added = "A small blue square is missing top: add it."
    better = "A small blue square top, a large red circle left, on sky."
    shown = replace(PLAN, objects=(CIRCLE,))
    one = checked(shown, f"{added} Better: {better}", wrong)
    assert one.target == TargetSource.REFLECTION and shares(one, "missing") == (1, 1, 1)
    silent = checked(shown, f"Nothing is wrong: keep it and sharpen it. Better: {wrong}", wrong)
    assert silent.target == TargetSource.ORACLE and not silent.described_right
    assert [one.split()[0] for one in silent.present] == ["missing"]
    assert checked(shown, "nonsense", None).target == TargetSource.ORACLE


def test_the_same_flaw_named_twice_counts_once() -> None:
    sentence = "The circle left is pink: make it red."
    assert shares(checked(PINK, f"{sentence} {sentence} Better: {PLANNED}")) == (1, 1, 1)


def test_unclear_objects_match_by_the_shape_they_should_have() -> None:
    flaw = Flaw(FlawKind.UNCLEAR, Zone.LEFT, CIRCLE, CIRCLE)
    other = Flaw(FlawKind.UNCLEAR, Zone.LEFT, replace(CIRCLE, colour=Colour.PINK), CIRCLE)
    assert mark(flaw) == mark(other) == "unclear left circle"


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        (Flaw(FlawKind.SHAPE, Zone.TOP, replace(SQUARE, shape=Shape.STAR), SQUARE), "shape top star square"),
        (Flaw(FlawKind.SIZE, Zone.RIGHT, replace(SQUARE, size=Size.LARGE), SQUARE), "size right large small"),
        (Flaw(FlawKind.MISSING, Zone.LEFT, None, CIRCLE), "missing left large red circle"),
        (Flaw(FlawKind.EXTRA, Zone.LEFT, CIRCLE), "extra left red"),
        (Flaw(FlawKind.BACKGROUND, background=Background.MINT), "background behind mint"),
    ],
)
def test_marks_say_what_matters(flaw: Flaw, words: str) -> None:
    assert mark(flaw) == words


def test_an_earlier_reflection_is_a_plan_too() -> None:
    assert planned_scene(true_text(PINK)) == PLAN
    assert planned_scene(PLANNED) == PLAN
    assert planned_scene("no scene at all") is None


def test_no_reflections_make_no_shares() -> None:
    assert tally([])["all"] == {"present": 0, "named": 0, "right": 0, "precision": None, "recall": None}
