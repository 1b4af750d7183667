from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from irg.core import Kind, Role, SpecialTokens, pack_tokens
from irg.engine import Context, Draws, SeededDraws, TextSampling, Writing, append, new_context, write
from irg.engine.text import choose, log_likelihood
from irg.model import PaddedAttend, UnifiedModel
from tests.samples import Sampler

GREEDY = TextSampling(temperature=0, max_tokens=8)


def prompted(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens, lengths: Sequence[int] = (5,)
) -> Context:
    texts = [(sampler.text(length),) for length in lengths]
    return append(model, new_context(model, len(lengths)), texts, special)


def last(
    model: UnifiedModel,
    context: Context,
    sampling: TextSampling,
    special: SpecialTokens,
    seeds: Sequence[int] = (0,),
) -> Writing:
    draws: list[Draws] = [SeededDraws(seed) for seed in seeds]
    *_, end = write(model, context, sampling, draws, special)
    return end


class CountedDraws(SeededDraws):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.count = 0

    def uniform(self) -> float:
        self.count += 1
        return super().uniform()


def test_greedy_text_is_the_argmax_of_a_full_forward(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    prompt = sampler.text(5)
    context = append(model, new_context(model), [(prompt,)], special)
    *steps, end = write(model, context, GREEDY, [SeededDraws(0)], special)
    (ids,) = end.ids
    assert len(ids) == GREEDY.max_tokens
    read = [special.text_start, *(int(token) for token in prompt.data), special.text_end, special.text_start]
    for index, step in enumerate(steps):
        assert step.ids == (ids[: index + 1],)
        packed = pack_tokens([[*read, *ids[:index]]], [0])
        hidden = model(packed, PaddedAttend(packed)).understanding_UD[-1]
        logits = model.logits(hidden)
        assert torch.allclose(step.logits_RV[0], logits, rtol=0, atol=1e-4)
        assert logits.argmax().item() == ids[index]


def test_the_cap_is_reported(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    context = prompted(model, sampler, special)
    *steps, end = write(model, context, GREEDY, [SeededDraws(0)], special)
    assert [step.finished for step in steps] == [(False,)] * 7 + [(True,)]
    assert [step.capped for step in steps] == [(False,)] * 7 + [(True,)]
    assert end.finished == end.capped == (True,)
    assert end.context is not None and all(step.context is None for step in steps)


def test_the_end_delimiter_ends_a_text(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    ids = last(model, prompted(model, sampler, special), GREEDY, special).ids[0]
    stop = next(index for index in range(1, len(ids)) if ids[index] not in ids[:index])
    ended = last(
        model, prompted(model, Sampler(0, model.config), special), GREEDY, ending(special, ids[stop])
    )
    assert ended.ids == (ids[:stop],)
    assert ended.finished == (True,) and ended.capped == (False,)


def ending(special: SpecialTokens, token: int) -> SpecialTokens:
    return replace(special, text_end=token)


@pytest.mark.parametrize("cut_short", [False, True])
def test_the_context_has_read_what_was_written(
    cut_short: bool, model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    """A text that ended by itself or by the cap is in the context as if it had been encoded and appended."""
    prompt = sampler.text(5)
    start = append(model, new_context(model), [(prompt,)], special)
    ids = last(model, start, GREEDY, special).ids[0]
    delimiters = special if cut_short else ending(special, ids[4])
    start = append(model, new_context(model), [(prompt,)], special)
    draws: list[Draws] = [SeededDraws(0)]
    *_, end = write(model, start, GREEDY, draws, delimiters, turn=2)
    assert end.capped == (cut_short,) and end.context is not None
    thought = end.context.history[0][-1]
    assert (thought.kind, thought.role, thought.turn) == (Kind.TEXT, Role.THOUGHT, 2)
    assert thought.data == end.ids[0]

    fresh = append(model, new_context(model), [(prompt,)], special)
    fresh = append(model, fresh, [(thought,)], delimiters)
    assert end.context.lengths == fresh.lengths and end.context.positions == fresh.positions
    length = fresh.lengths[0]
    pairs = [context.buffer.pairs[..., :length, :, :] for context in (end.context, fresh)]
    assert torch.allclose(*pairs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_of_a_batch_write_what_they_would_alone(
    temperature: float, model: UnifiedModel, config: object, special: SpecialTokens
) -> None:
    """Prompts of different lengths, texts that end at different steps."""
    lengths, seeds = (3, 9, 6, 1), (0, 1, 2, 3)
    sampling = TextSampling(temperature, max_tokens=12)

    def texts() -> list:
        sampler = Sampler(5, model.config)
        return [(sampler.text(length),) for length in lengths]

    free = last(model, append(model, new_context(model, 4), texts(), special), sampling, special, seeds)
    early = ending(special, free.ids[1][3])
    together = last(model, append(model, new_context(model, 4), texts(), special), sampling, early, seeds)
    assert len({len(ids) for ids in together.ids}) > 1
    for row, (text, seed) in enumerate(zip(texts(), seeds, strict=True)):
        alone = append(model, new_context(model), [text], special)
        single = last(model, alone, sampling, early, (seed,))
        assert single.ids == together.ids[row : row + 1]
        assert single.capped == together.capped[row : row + 1]
        assert together.context is not None and single.context is not None
        assert together.context.positions[row] == single.context.positions[0]
        length = single.context.lengths[0]
        assert together.context.lengths[row] == length
        pairs = (
            together.context.buffer.pairs[:, :, row, :length],
            single.context.buffer.pairs[:, :, 0, :length],
        )
        assert torch.allclose(*pairs, rtol=0, atol=1e-5)


def test_a_seed_means_the_same_text(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    sampling = TextSampling(temperature=1.0, max_tokens=12)
    texts = []
    for seed in (1, 1, 2):
        context = prompted(model, Sampler(0, model.config), special)
        before = torch.random.get_rng_state()
        texts.append(last(model, context, sampling, special, (seed,)).ids)
        assert torch.equal(torch.random.get_rng_state(), before)
    assert texts[0] == texts[1] != texts[2]


def test_a_finished_row_draws_nothing(model: UnifiedModel, sampler: Sampler, special: SpecialTokens) -> None:
    sampling = TextSampling(temperature=1.0, max_tokens=10)
    free = last(model, prompted(model, Sampler(0, model.config), special, (3, 4)), sampling, special, (0, 1))
    early = ending(special, free.ids[0][2])
    draws = [CountedDraws(0), CountedDraws(1)]
    context = prompted(model, Sampler(0, model.config), special, (3, 4))
    *_, end = write(model, context, sampling, draws, early)
    for row, ids in enumerate(end.ids):
        assert draws[row].count == len(ids) + (not end.capped[row])


class Fixed(SeededDraws):
    def __init__(self, number: float) -> None:
        self.number = number

    def uniform(self) -> float:
        return self.number


@pytest.mark.parametrize(("number", "token"), [(0.0, 0), (0.4999, 0), (0.5, 1), (0.9999, 1)])
def test_shares_are_closed_below_and_open_above(number: float, token: int) -> None:
    logits = torch.tensor([[0.0, 0.0, -1e9]])
    assert choose(logits, TextSampling(temperature=1.0), [Fixed(number)], [False]) == [token]


SHARES = torch.tensor([0.1, 0.5, 0.05, 0.3, 0.05])
DRAWS = 400


def frequencies(sampling: TextSampling) -> list[float]:
    """How often each token is chosen over an even spread of numbers in [0, 1)."""

    logits = SHARES.log().expand(DRAWS, -1)
    draws = [Fixed((index + 0.5) / DRAWS) for index in range(DRAWS)]
    chosen = choose(logits, sampling, draws, [False] * DRAWS)
    return (torch.tensor(chosen).bincount(minlength=len(SHARES)) / DRAWS).tolist()


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, [0.1, 0.5, 0.05, 0.3, 0.05]),
        (0.5, 1.0, [0.01 / 0.355, 0.25 / 0.355, 0.0025 / 0.355, 0.09 / 0.355, 0.0025 / 0.355]),
        (1.0, 0.85, [0.1 / 0.9, 0.5 / 0.9, 0, 0.3 / 0.9, 0]),
        (1.0, 0.6, [0, 0.625, 0, 0.375, 0]),
        (1.0, 0.01, [0, 1, 0, 0, 0]),
        (0.0, 1.0, [0, 1, 0, 0, 0]),
        (1e-3, 1.0, [0, 1, 0, 0, 0]),
    ],
)
def test_tokens_are_chosen_by_their_shares(temperature: float, top_p: float, expected: list[float]) -> None:
    """`top_p` keeps the likeliest tokens up to the one that reaches it."""
    assert frequencies(TextSampling(temperature, top_p)) == pytest.approx(expected, abs=1.1 / DRAWS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"temperature": -0.1},
            r"0 \(greedy\): -0.1: expected a number of at least 1e-06",
        ),
        ({"top_p": 0.0}, r"top_p 0\.0: expected a number above 0 and at most 1"),
        ({"temperature": 1e-38}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": float("nan")}, "top_p nan"),
        ({"max_tokens": 2.5}, r"max_tokens 2\.5"),
        ({"top_p": 1.5}, r"top_p 1\.5"),
        ({"max_tokens": 0}, "max_tokens 0: expected a whole number of at least 1"),
    ],
)
def test_settings_out_of_range(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextSampling(**settings)


def test_the_likelihood_of_a_text_is_that_of_writing_it_token_by_token(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    context = prompted(model, sampler, special, (5, 9))
    texts = [(3, 4, 5), (6,)]
    found = log_likelihood(model, context, texts, special)
    for row, ids in enumerate(texts):
        segments = context.history[row]
        assert isinstance(segments[0].data, tuple)
        read = [special.text_start, *segments[0].data, special.text_end, special.text_start]
        expected = 0.0
        for token in ids:
            packed = pack_tokens([read], [0])
            logits = model.logits(model(packed, PaddedAttend(packed)).understanding_UD[-1])
            expected += logits.log_softmax(-1)[token].item()
            read.append(token)
        assert found[row] == pytest.approx(expected, abs=1e-3)


def test_asking_for_a_likelihood_changes_nothing(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    context = prompted(model, sampler, special)
    before = last(model, context.rewound(), GREEDY, special)
    asked = context.rewound()
    log_likelihood(model, asked, [(1, 2, 3, 4)], special)
    assert last(model, asked, GREEDY, special).ids == before.ids
    with pytest.raises(ValueError, match="2 texts for a context of 1 rows"):
        log_likelihood(model, asked, [(1,), (2,)], special)


def test_of_tokens_with_equal_shares_the_first_comes_first() -> None:
    """Many of them, which an unstable order would mix."""
    logits = torch.zeros(1, 300)
    for number in (0.0, 0.25, 0.5, 0.999):
        chosen = choose(logits, TextSampling(temperature=1.0), [Fixed(number)], [False])
        assert chosen == [int(number * 300)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_values_that_are_no_numbers_are_no_text(temperature: float) -> None:
    logits = torch.tensor([[0.0, float("nan"), 1.0]])
    with pytest.raises(ValueError, match="no numbers"):
        choose(logits, TextSampling(temperature), [Fixed(0.5)], [False])


def test_the_least_temperature_still_takes_the_likeliest() -> None:
    logits = torch.tensor([[900.0, -1000.0, 1000.0]])
    assert choose(logits, TextSampling(temperature=1e-6), [Fixed(0.5)], [False]) == [2]
