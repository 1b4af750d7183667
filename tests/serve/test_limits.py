from dataclasses import replace

import pytest

from irg.core.reading import ImageError
from irg.pipeline import Plan, Settings
from irg.serve.limits import GivenPixels, Outline, RequestLimits
from irg.serve.refusals import Refused
from irg.serve.tokens import Caller, TokenLimits

LIMITS = RequestLimits(turns=3, pixels=3 * 64 * 64, text_tokens=30)
PLAN = Settings(width=64, height=64, max_thought_tokens=10).plan(turns=3)


def refusal(plan: Plan, caller: Caller | None = None, count: int = 1) -> str | None:
    try:
        LIMITS.check(Outline.of(plan), caller or Caller(), count)
    except Refused as refused:
        assert refused.status == 400
        return f"{refused.code}: {refused}"
    return None


def test_what_is_just_within_the_limits_is_taken_on() -> None:
    assert refusal(PLAN) is None
    assert refusal(PLAN, Caller("alice", TokenLimits(pixels=3 * 64 * 64))) is None
    assert refusal(PLAN, Caller("alice", TokenLimits(pixels=1 << 40))) is None


def test_what_is_beyond_them_is_refused_with_both_numbers() -> None:
    turn = PLAN.turns[0]
    for plan, count, said in (
        (replace(PLAN, turns=(turn,) * 4), 1, "too_many_turns: 4 turns: this server takes on up to 3"),
        (
            replace(PLAN, width=80),
            1,
            "too_many_pixels: 15,360 pixels to be drawn: this server takes on up to",
        ),
        (replace(PLAN, text=replace(PLAN.text, max_tokens=5)), 2, "too_many_pixels: 24,576 pixels"),
        (replace(PLAN, text=replace(PLAN.text, max_tokens=11)), 1, "too_many_tokens: 33 tokens"),
        (replace(PLAN, width=16), 2, "too_many_tokens: 60 tokens"),
    ):
        assert (refusal(plan, count=count) or "").startswith(said)
    silent = tuple(replace(one, think=False) for one in PLAN.turns)
    assert refusal(replace(PLAN, turns=silent, text=replace(PLAN.text, max_tokens=1000))) is None


def test_of_an_answer_in_words_the_words_are_counted_and_no_picture() -> None:
    silent = replace(PLAN, width=1024, turns=(replace(PLAN.turns[0], think=False),))
    LIMITS.check(Outline.of(replace(silent, text=replace(PLAN.text, max_tokens=30)), draws=False), Caller())
    with pytest.raises(Refused, match="31 tokens"):
        LIMITS.check(
            Outline.of(replace(silent, text=replace(PLAN.text, max_tokens=31)), draws=False), Caller()
        )


@pytest.mark.parametrize(("pixels", "is_refused"), [(3 * 64 * 64 - 1, True), (3 * 64 * 64, False)])
def test_a_token_has_its_own(pixels: int, is_refused: bool) -> None:
    found = refusal(PLAN, Caller("alice", TokenLimits(pixels=pixels)))
    assert ("this token has" in (found or "")) is is_refused


def test_the_pictures_of_a_request_are_counted_together() -> None:
    given = GivenPixels(most=3_000_000)
    given.take(1000, 1000)
    given.take(2000, 1000)
    with pytest.raises(ImageError, match=r"3\.0 million pixels in all: expected at most 3"):
        given.take(1, 1)
