from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch

from irg.core import SpecialTokens
from irg.engine import Line, SlotPool, TextSampling, Writing, append, new_strands, write
from irg.engine.lookup import guessed
from irg.model import UnifiedModel
from tests.engine.outlook import held
from tests.engine.test_text import CountedDraws
from tests.samples import Sampler


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((1, 2, 3, 4, 9, 1, 2), (3, 4, 9)),
        ((1, 2, 3, 7, 2, 3, 5, 6, 2, 3), (5, 6, 2)),
        ((1, 2, 8, 3, 2, 9, 1, 2), (8, 3, 2)),
        ((4, 1, 2, 8, 0, 1, 2, 7, 4, 1, 2), (8, 0, 1)),
        ((5, 5, 5, 5), (5,)),
        ((1, 2, 3), ()),
        ((2, 1, 2), ()),
        ((7,), ()),
        ((), ()),
        ((1 << 32, 1, 3, 0, 1), ()),
    ],
)
def test_the_guess_is_what_came_after_the_same_tokens_last(
    known: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """The longest run of them counts, two at least."""
    assert guessed(known, 3) == expected


def lines(model: UnifiedModel, special: SpecialTokens, samplings: Sequence[TextSampling]) -> list[Line]:
    sampler = Sampler(0, model.config)
    texts = [(sampler.text(length),) for length in (4, 9, 2)[: len(samplings)]]
    strands = append(model, new_strands(SlotPool(model), len(texts)), texts, special)
    return [
        Line(strand, sampling, CountedDraws(seed), special.text_start)
        for seed, (strand, sampling) in enumerate(zip(strands, samplings, strict=True))
    ]


SAMPLINGS = (TextSampling(0, max_tokens=40), TextSampling(0.02, max_tokens=33), TextSampling(0.3, 0.9, 40))


def written(model: UnifiedModel, special: SpecialTokens, lookup: int) -> list[Writing]:
    samplings = [replace(sampling, lookup=lookup) for sampling in SAMPLINGS]
    return list(write(model, lines(model, special, samplings), special))


@pytest.fixture
def repeating(double_model: UnifiedModel) -> Iterator[UnifiedModel]:
    """A model of few words, which says them again and again."""
    head = double_model.decoder.head
    weight = head.weight.clone()
    weight[12:] *= 0.01
    head.weight.data, kept = weight, head.weight.data
    yield double_model
    head.weight.data = kept


@pytest.mark.parametrize("is_early", [False, True])
@pytest.mark.parametrize("lookup", [1, 6])
def test_texts_are_what_they_are_without(
    lookup: int, is_early: bool, repeating: UnifiedModel, special: SpecialTokens
) -> None:
    """Greedy and sampled ones, that end by themselves or by their length; by as many numbers; in fewer
    passes."""
    if is_early:
        ids = written(repeating, special, 0)[-1].lines[1].ids
        special = replace(special, text_end=ids[20])
    *steps, slow = written(repeating, special, 0)
    *leaps, fast = written(repeating, special, lookup)
    num_leaps, num_steps = (sum(len(one.logits_RV) for one in passes) for passes in (leaps, steps))
    assert num_leaps < num_steps or (is_early and num_leaps == num_steps)
    for ours, theirs in zip(fast.lines, slow.lines, strict=True):
        assert (ours.ids, ours.ended, ours.capped) == (theirs.ids, theirs.ended, theirs.capped)
        assert isinstance(ours.draws, CountedDraws) and isinstance(theirs.draws, CountedDraws)
        assert ours.draws.count == theirs.draws.count
    assert fast.strands is not None and slow.strands is not None
    for ours, theirs in zip(fast.strands, slow.strands, strict=True):
        assert (ours.length, ours.position) == (theirs.length, theirs.position)
        assert ours.history[-1].ids == theirs.history[-1].ids
        assert torch.allclose(held(ours), held(theirs), rtol=0, atol=1e-10)


def test_a_text_that_was_read_before_is_guessed_from(repeating: UnifiedModel, special: SpecialTokens) -> None:
    """A prompt that begins as the text will: the whole text comes in a few passes."""
    greedy = TextSampling(0, max_tokens=24)
    (line,) = lines(repeating, special, [greedy])
    *_, end = write(repeating, [line], special)
    (again,) = lines(repeating, special, [replace(greedy, lookup=8)])
    *leaps, fast = write(repeating, [again], special)
    assert fast.lines[0].ids == end.lines[0].ids and len(leaps) <= 12
