from dataclasses import replace

import pytest
import torch

from irg.core import Kind, Role, Segment
from irg.engine import Line, SeededDraws, SlotPool, TextSampling, append, closed, new_strands, write_on
from irg.engine.forced import given_tokens, one_of
from irg.model import UnifiedModel
from tests.data.small import random_model, tokenizer
from tests.engine.outlook import held

SPECIAL = tokenizer().special
PROMPT, GIVEN = tokenizer().encode("two red circles"), tokenizer().encode("a large green star")


@pytest.fixture(scope="module")
def model() -> UnifiedModel:
    return random_model().eval()


def line(model: UnifiedModel, temperature: float = 0.0, seed: int = 0) -> Line:
    with torch.inference_mode():
        (strand,) = append(
            model, new_strands(SlotPool(model)), [(Segment(Kind.TEXT, Role.PROMPT, PROMPT),)], SPECIAL
        )
    return Line(strand, TextSampling(temperature, max_tokens=5), SeededDraws(seed), SPECIAL.text_start)


def test_given_tokens_are_read_as_if_they_had_been_written(model: UnifiedModel) -> None:
    with torch.inference_mode():
        given, other = given_tokens(model, [line(model), line(model)], [GIVEN, ()])
        assert given.ids == GIVEN and not given.finished and other.ids == ()
        full = replace(given, sampling=TextSampling(0.0, max_tokens=len(GIVEN)))
        (whole,) = closed(model, [full], SPECIAL)
        start = line(model).strand
        (read,) = append(model, [start], [(Segment(Kind.TEXT, Role.THOUGHT, GIVEN),)], SPECIAL)
        assert (whole.length, whole.position) == (read.length, read.position)
        assert torch.allclose(held(whole), held(read), rtol=0, atol=1e-5)


def test_given_tokens_do_not_count_as_written(model: UnifiedModel) -> None:
    with torch.inference_mode():
        (now,) = given_tokens(model, [line(model)], [GIVEN])
        while not now.finished:
            ((now,), _) = write_on(model, [now], SPECIAL)
    assert now.ended or len(now.ids) == len(GIVEN) + 5


def test_one_of_some_ways_is_gone_and_each_may_be(model: UnifiedModel) -> None:
    options = [tokenizer().encode(text) for text in ("red star", "red circle", "blue", "blue heart")]
    assert len({option[0] for option in options}) == 2, "they have to part on the way"
    seen = set()
    with torch.inference_mode():
        for seed in range(30):
            chosen, which = one_of(model, line(model, 1.0, seed), options, SPECIAL)
            assert chosen.ids == options[which] and not chosen.finished
            seen.add(which)
    assert seen == {0, 1, 2, 3}


def test_a_single_way_draws_no_numbers(model: UnifiedModel) -> None:
    begun = line(model, 1.0)
    with torch.inference_mode():
        chosen, which = one_of(model, begun, [GIVEN], SPECIAL)
    assert (chosen.ids, which) == (GIVEN, 0)
    assert begun.draws.uniform() == SeededDraws(0).uniform()


def test_the_likeliest_way_is_gone_greedily(model: UnifiedModel) -> None:
    options = [(token,) for token in range(300, 320)]
    with torch.inference_mode():
        _, logits = write_on(model, [line(model)], SPECIAL)
        _, which = one_of(model, line(model), options, SPECIAL)
    assert which == int(logits[0, 300:320].argmax())
