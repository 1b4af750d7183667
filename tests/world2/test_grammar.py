import pytest

from irg.world2.constraints import is_challenge
from irg.world2.families import Family, infer_family
from irg.world2.grammar import (
    COMBINATION_FAMILIES,
    Split,
    handwritten_prompts,
    is_held_out_text,
    sample_prompt,
)
from irg.world2.parsing import parse
from irg.world2.request import requires_held_out
from tests.world2.builders import asked, rng


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("split", [Split.TRAIN, Split.HELD_OUT, Split.COMBINATIONS])
def test_splits(family, split):
    generator = rng(2)
    if split is Split.COMBINATIONS and family not in COMBINATION_FAMILIES:
        with pytest.raises(ValueError, match=family.value):
            sample_prompt(generator, family, split)
        return
    for _ in range(12):
        request, text = sample_prompt(generator, family, split)
        assert parse(text) == request and infer_family(request) is family and not is_challenge(request)
        assert requires_held_out(request) == (split is Split.COMBINATIONS)
        if split is not Split.COMBINATIONS:
            assert is_held_out_text(text) == (split is Split.HELD_OUT)


def test_challenges_are_compounds():
    generator = rng(3)
    for _ in range(20):
        request, text = sample_prompt(generator, Family.COMPOUND, Split.CHALLENGE)
        assert parse(text) == request and is_challenge(request)
    with pytest.raises(ValueError, match="compound"):
        sample_prompt(generator, Family.TWO, Split.CHALLENGE)


def test_case_and_full_stop_do_not_change_a_texts_split():
    assert is_held_out_text("a red circle") == is_held_out_text("A red circle.")


def test_prompts_written_by_hand_are_of_all_kinds_and_never_trained_on():
    prompts = handwritten_prompts()
    assert len(prompts) == len(set(prompts)) == 60
    assert all(map(is_held_out_text, prompts))
    requests = [asked(prompt) for prompt in prompts]
    assert {infer_family(request) for request in requests} == set(Family)
    assert sum(map(is_challenge, requests)) >= 8
