from typing import Any

import pytest
from PIL import Image

from irg.core import Role
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.context import Given
from irg.pipeline.plans.course import Ending, PlanCourse
from irg.pipeline.plans.reading import read_plan

PICTURE = Image.new("RGB", (32, 16))
WRITE = {"write": "T", "reads": ["prompt"]}
DRAW = {"draw": "I", "reads": ["prompt", "T"]}


def plan(**values: Any) -> StepPlan:
    return StepPlan.model_validate({"plan": 1, "first": [WRITE, DRAW], **values})


def begun(**values: Any) -> PlanCourse:
    return PlanCourse.begun(plan(**values), Given("p"))


def test_a_course_is_a_value() -> None:
    course = begun()
    one, other = course.wrote("a"), course.wrote("b")
    assert [entry.text for entry in one.entries] == ["p", "a"]
    assert [entry.text for entry in other.entries] == ["p", "b"]
    assert course.step is not None and not course.made


def test_turns_count_pictures_given_ones_together_as_one() -> None:
    course = begun().wrote("a")
    assert course.turn == 1 and course.drew(PICTURE).turn == 2
    edit = PlanCourse.begun(read_plan("bagel-edit"), Given("p", inputs=(PICTURE, PICTURE)))
    assert edit.turn == 2 and [entry.turn for entry in edit.entries] == [1, 1, 1, 1, 2]
    assert [entry.role for entry in edit.entries][-1] is Role.PROMPT


def test_pictures_are_given_to_plans_that_read_them() -> None:
    with pytest.raises(ValueError, match="reads a picture"):
        PlanCourse.begun(read_plan("bagel-edit"), Given("p"))
    with pytest.raises(ValueError, match="the plan reads none"):
        PlanCourse.begun(read_plan("irg"), Given("p", inputs=(PICTURE,)))


def test_the_size_is_that_of_the_input_the_plan_or_the_checkpoint() -> None:
    given = Given("p", inputs=(PICTURE,), size=(8, 8))
    assert PlanCourse.begun(read_plan("bagel-edit"), given).size == (32, 16)
    assert PlanCourse.begun(read_plan("zebra-cot"), Given("p", size=(8, 8))).size == (8, 8)
    assert begun(size=[4, 6]).size == (4, 6)


@pytest.mark.parametrize(
    ("changes", "text", "ending", "draws"),
    [
        ({"must": ["x"]}, "a", Ending.MALFORMED, None),
        ({"must": ["x"], "malformed": "draw"}, "a", None, True),
        ({"must": ["x"], "malformed": "skip"}, "a", Ending.FINISHED, None),
        ({"draw_if": {"contains": ["x"]}}, "a", Ending.FINISHED, None),
        ({"draw_if": {"contains": ["x"]}}, "x", None, True),
        ({"stop_if": {"contains": ["x"]}, "draw_if": {"contains": ["x"]}}, "x", Ending.STOPPED, None),
        ({"must": ["y"], "stop_if": {"contains": ["x"]}}, "x", Ending.MALFORMED, None),
    ],
)
def test_a_text_decides_what_follows(
    changes: Any, text: str, ending: Ending | None, draws: bool | None
) -> None:
    course = begun(first=[WRITE | changes, DRAW]).wrote(text)
    assert course.ending is ending
    assert draws is None or course.step is not None


def test_a_picture_that_was_not_asked_for_cannot_be_read() -> None:
    course = begun(
        first=[WRITE | {"draw_if": {"contains": ["x"]}}, DRAW],
        repeat=[{"write": "R", "reads": ["I:cv"]}],
        max_repeats=1,
    ).wrote("a")
    with pytest.raises(ValueError, match="the plan reads I, but none was made"):
        _ = course.entries


def test_a_text_that_is_asked_for_again_takes_the_place_of_the_one_before() -> None:
    course = begun(first=[WRITE | {"votes": 2, "stop_if": {"contains": ["x"]}}, DRAW])
    assert course.wrote("x").wrote("x").ending is Ending.STOPPED
    again = course.wrote("x").wrote("a")
    assert [one.text.whole for one in again.made if one.text] == ["a"]


def test_a_new_attempt_begins_with_nothing_and_shares_no_entries() -> None:
    retry = {"attempts": 2}
    course = begun(first=[WRITE | {"stop_if": {"contains": ["x"]}}, DRAW], retry=retry)
    again = course.wrote("x")
    assert (again.attempt, again.made, again.ending) == (1, (), None)
    assert again.wrote("a").entries[1] != course.wrote("a").entries[1]
    assert again.wrote("x").ending is Ending.STOPPED
    assert again.wrote("a").drew(PICTURE).ending is Ending.FINISHED


def test_a_beginning_is_filled_in() -> None:
    course = PlanCourse.begun(read_plan("umm-reflection"), Given("p")).drew(PICTURE)
    assert course.prefix == "<think>\n[CURRENT_ROUND] Round#1\n[SCORE] "


@pytest.mark.parametrize(
    "rule", [{"stop_if": {"contains": ["blue"]}}, {"must": ["red"]}, {"draw_if": {"contains": ["red"]}}]
)
def test_what_a_person_says_ends_nothing_and_is_drawn(rule: dict[str, Any]) -> None:
    course = begun(first=[{**WRITE, **rule}, DRAW])
    assert course.wrote("make it blue").ending is not None
    said = course.told("make it blue")
    assert said.ending is None and [entry.text for entry in said.entries] == ["p", "make it blue"]


def test_a_course_goes_on_for_more_passes_where_it_had_ended() -> None:
    repeat = [{"write": "R", "reads": ["prompt", "I:cv"]}, {"draw": "J", "reads": ["prompt", "R"]}]
    course = begun(repeat=repeat, max_repeats=1).wrote("a").drew(PICTURE).wrote("b").drew(PICTURE)
    assert course.ending is Ending.FINISHED
    more = course.going_on(course.plan.with_turns(3))
    assert more.ending is None and more.number == 2 and course.going_on(course.plan).ending
