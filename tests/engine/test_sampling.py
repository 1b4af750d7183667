from collections.abc import Sequence

import pytest
import torch

from irg.engine import SeededDraws, TextSampling
from irg.engine.sampling import MOST_SORTED, NO_TOKEN, RowSampling, checked_tokens, choose


class Fixed(SeededDraws):
    def __init__(self, number: float) -> None:
        self.number = number

    def uniform(self) -> float:
        return self.number


@pytest.mark.parametrize(("number", "token"), [(0.0, 0), (0.4999, 0), (0.5, 1), (0.9999, 1)])
def test_shares_are_closed_below_and_open_above(number: float, token: int) -> None:
    logits = torch.tensor([[0.0, 0.0, -1e9]])
    assert choose(logits, [TextSampling(temperature=1.0)], [Fixed(number)]) == [token]


SHARES = torch.tensor([0.1, 0.5, 0.05, 0.3, 0.05])
DRAWS = 400


def frequencies(sampling: TextSampling) -> list[float]:
    """How often each token is chosen over an even spread of numbers in [0, 1)."""

    logits = SHARES.log().expand(DRAWS, -1)
    draws = [Fixed((index + 0.5) / DRAWS) for index in range(DRAWS)]
    chosen = choose(logits, [sampling] * DRAWS, draws)
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


def test_of_tokens_with_equal_shares_the_first_comes_first() -> None:
    """Many of them, which an unstable order would mix."""
    logits = torch.zeros(1, 300)
    for number in (0.0, 0.25, 0.5, 0.999):
        chosen = choose(logits, [TextSampling(temperature=1.0)], [Fixed(number)])
        assert chosen == [int(number * 300)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_values_that_are_no_numbers_are_no_text(temperature: float) -> None:
    logits = torch.tensor([[0.0, float("nan"), 1.0]])
    with pytest.raises(ValueError, match="no numbers"):
        choose(logits, [TextSampling(temperature)], [Fixed(0.5)])


def test_the_least_temperature_still_takes_the_likeliest() -> None:
    logits = torch.tensor([[900.0, -1000.0, 1000.0]])
    assert choose(logits, [TextSampling(temperature=1e-6)], [Fixed(0.5)]) == [2]


def naive(logits_V: torch.Tensor, sampling: TextSampling, number: float) -> int:
    """The whole vocabulary in order."""
    share_V = (logits_V / sampling.temperature).softmax(dim=-1).double()
    ordered_V, token_V = share_V.sort(descending=True, stable=True)
    before_V = ordered_V.cumsum(dim=-1) - ordered_V
    cumulative_V = ordered_V.where((before_V < sampling.top_p) | (sampling.top_p == 1), 0.0).cumsum(dim=-1)
    place = int(torch.searchsorted(cumulative_V, number * cumulative_V[-1], right=True))
    return int(token_V[min(place, len(token_V) - 1)])


@pytest.mark.parametrize("size", [7, MOST_SORTED, MOST_SORTED + 1, 20_000])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3, 1e-3])
def test_a_large_vocabulary_is_chosen_from_as_if_it_had_been_sorted(
    size: int, temperature: float, top_p: float
) -> None:
    """Some of the logits are equal, where the first comes first."""
    logits_V = torch.randn(size, generator=torch.Generator().manual_seed(size))
    logits_V[::3] = logits_V[0]
    sampling = TextSampling(temperature, top_p)
    for number in (0.0, 1e-9, 0.1, 0.37, 0.5, 0.77, 0.999, 1 - 1e-9):
        (token,) = choose(logits_V[None], [sampling], [Fixed(number)])
        assert token == naive(logits_V, sampling, number) == picked(logits_V[None], [sampling], [number])[0]


def picked(logits_RV: torch.Tensor, samplings: Sequence[TextSampling], numbers: Sequence[float]) -> list[int]:
    """As devices do that are not to wait for the host."""
    manner = RowSampling.of(samplings, logits_RV.device)
    return manner.pick(logits_RV, torch.tensor(numbers, dtype=torch.double)).tolist()


def test_tokens_are_picked_on_a_device_as_on_the_host() -> None:
    """Also where shares are so small that they are 0."""
    logits_V = torch.tensor([0.0, 3.0, -200.0, 3.0, 1.0, -200.0])
    for top_p in (1.0, 0.5, 0.05):
        sampling = TextSampling(1.0, top_p)
        for number in torch.linspace(0, 1 - 1e-6, 101).tolist():
            expected = naive(logits_V, sampling, number)
            assert picked(logits_V[None], [sampling], [number]) == [expected]
    assert picked(logits_V[None], [TextSampling(0)], [0.9]) == [1]
    broken = torch.stack([logits_V, logits_V.index_fill(0, torch.tensor(2), float("nan"))])
    assert picked(broken, [TextSampling(0), TextSampling(1.0)], [0.0, 0.0]) == [1, NO_TOKEN]
    with pytest.raises(ValueError, match="no numbers"):
        checked_tokens([3, NO_TOKEN])


def test_rows_are_chosen_as_each_is_to_be() -> None:
    logits_RV = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    samplings = [TextSampling(0), TextSampling(1.0), TextSampling(0), TextSampling(0.5, 0.8)]
    draws = [Fixed(number) for number in (0.9, 0.8, 0.7, 0.6)]
    assert choose(logits_RV, samplings, draws) == [
        *(int(logits_RV[0].argmax()), naive(logits_RV[1], samplings[1], 0.8)),
        *(int(logits_RV[2].argmax()), naive(logits_RV[3], samplings[3], 0.6)),
    ]
    assert picked(logits_RV, samplings, [0.9, 0.8, 0.7, 0.6]) == choose(logits_RV, samplings, draws)


def test_a_greedy_row_draws_nothing() -> None:
    class Forbidden(SeededDraws):
        def uniform(self) -> float:
            raise AssertionError("drawn")

    assert choose(torch.eye(2), [TextSampling(0), TextSampling(1.0)], [Forbidden(0), Fixed(0.0)]) == [0, 1]
