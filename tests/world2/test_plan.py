from dataclasses import replace

import pytest

from irg.world2.families import Family
from irg.world2.fulfil import fulfil
from irg.world2.plan import Half, agrees, parse_plan, plan_of, plan_text
from irg.world2.sampling import sample_challenge, sample_request
from irg.world2.scene import Zone
from tests.world2.builders import asked, rng, scene, thing

STARS = thing("small red star", 20, 20), thing("small striped red star", 60, 110)
RING = thing("large dotted blue ring", 104, 64)


def test_a_plan_is_spelt_so():
    plan = plan_of(asked("two stars left of a ring"), scene(*STARS, RING))
    text = (
        "Plan: two small red stars left-half, one large dotted blue ring right, first left of second, on sky."
    )
    assert plan_text(plan) == text and parse_plan(text) == plan
    assert [group.area for group in plan.groups] == [Half.LEFT, Zone.RIGHT]


@pytest.mark.parametrize("family", Family)
def test_plans_read_back_and_agree_with_their_requests(family):
    generator = rng(1)
    for _ in range(15):
        request = sample_request(generator, family)
        plan = plan_of(request, fulfil(request, generator))
        assert parse_plan(plan_text(plan)) == plan
        assert agrees(plan, request)


def test_plans_of_challenges():
    generator = rng(2)
    for _ in range(15):
        request = sample_challenge(generator)
        plan = plan_of(request, fulfil(request, generator))
        assert parse_plan(plan_text(plan)) == plan and agrees(plan, request)


@pytest.mark.parametrize(
    ("prompt", "agreeing"),
    [
        ("two stars left of a ring", True),
        ("two stars right of a ring", False),
        ("two stars and a ring", False),
        ("three stars left of a ring", False),
        ("two blue stars left of a ring", False),
        ("two small red stars left of a large ring", True),
        ("two stars left of a ring, nothing blue", False),
    ],
)
def test_plans_that_do_not_agree(prompt, agreeing):
    plan = plan_of(asked("two stars left of a ring"), scene(*STARS, RING))
    assert agrees(plan, asked(prompt)) is agreeing


def test_planned_counts_agree_with_a_comparison():
    plan = plan_of(asked("more stars than rings"), scene(*STARS, RING))
    assert agrees(plan, asked("more stars than rings")) and not agrees(plan, asked("fewer stars than rings"))
    assert agrees(replace(plan, links=()), asked("two stars and a ring"))


def test_only_a_right_scene_has_a_plan():
    with pytest.raises(ValueError, match="fulfils"):
        plan_of(asked("two stars"), scene(*STARS, RING))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plan: on sky.",
        "Plan: two star left, on sky.",
        "Plan: a star left, on sky.",
        "Plan: one star left.",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError):
        parse_plan(text)
