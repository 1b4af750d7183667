from dataclasses import replace

import pytest

from irg.pipeline.plans.convert import steps_of
from irg.pipeline.plans.walk import walked
from tests.data.small import settings

SETTINGS = settings(32)


def test_turns_are_passes() -> None:
    plan = steps_of(SETTINGS.plan(3), SETTINGS)
    assert walked(plan, ["t", "a", "b"])[-2:] == [
        "draw J2 < S P T CLEAN(I) VIEW(I) R1 CLEAN(J1) VIEW(J1) R2 | "
        "text: S P T CLEAN(I) VIEW(I) R1 CLEAN(J1) VIEW(J1) | image: S P T R1 R2",
        "finished",
    ]


@pytest.mark.parametrize(
    ("clean", "view", "read"), [(True, False, " CLEAN(I)"), (False, True, " VIEW(I)"), (False, False, "")]
)
def test_pictures_are_seen_as_the_turns_say(clean: bool, view: bool, read: str) -> None:
    plan = SETTINGS.plan(2)
    plan = replace(plan, turns=tuple(replace(turn, clean=clean, view=view) for turn in plan.turns))
    assert f"write R1 < S P T{read}" in walked(steps_of(plan, SETTINGS), ["t", "a"])


def test_without_thoughts_nothing_is_read_before_the_prompt_and_nothing_is_newer_than_a_picture() -> None:
    lines = walked(steps_of(SETTINGS.plan(2, think=False), SETTINGS), [])
    assert lines == [
        "draw I < P | text: nothing | image: none",
        "draw J1 < P CLEAN(I) VIEW(I) | text: none | image: P",
        "finished",
    ]


def test_its_stop_is_asked_for() -> None:
    plan = SETTINGS.plan(3)
    assert walked(steps_of(plan, SETTINGS, stop_when_right=True), ["t", "Nothing is wrong."])[-1] == "stopped"
    assert not steps_of(SETTINGS.plan(1), SETTINGS, stop_when_right=True).stop_when_right


def test_turns_after_the_first_are_alike() -> None:
    plan = SETTINGS.plan(3)
    odd = replace(plan, turns=(*plan.turns[:2], replace(plan.turns[2], num_points=9)))
    with pytest.raises(ValueError, match="expected them to be alike"):
        steps_of(odd, SETTINGS)
