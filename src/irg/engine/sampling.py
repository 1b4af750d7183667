"""Choosing the next token: greedily, or by an inverse of the cumulative shares, likeliest tokens first.

A token is where a uniform number falls among the shares in their order. For that a large vocabulary need not
be sorted. On a CPU shares are counted into narrow bins, and only the bin in which the number falls is put in
order. On other devices the share at which the number falls is found bit by bit, without a word to the host.

Shape suffixes: R rows, V vocabulary, B bins, C tokens of one bin, Q bounds that are tried at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar

import torch

from irg.core.values import check_number
from irg.engine.draws import Draws

LEAST_TEMPERATURE = 1e-6
"""Logits divided by less may be no numbers any more."""
MOST_GUESSED = 64
MOST_SORTED = 1024
"""Vocabularies up to this size are sorted as a whole, which is quicker."""
_DROPPED_BITS = 16
"""Of a share in float32: bins are as wide as the 7 highest bits of the mantissa tell apart."""
_NUM_BINS = (0x3F80 << 16 >> _DROPPED_BITS) + 1
"""The last bin is that of a share of 1."""
_SHARE_BITS, _TRIED_BITS = 30, 3
"""Of a share in float32, which is 1 at most; and how many of them are found at once."""
NO_TOKEN = -1
"""What is chosen where the model computed no numbers."""


@dataclass(frozen=True)
class TextSampling:
    """How tokens are chosen. Raises ValueError for numbers that are none of these."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # it stands in traces as it is

    temperature: float = 0.3
    """0 is greedy: always the likeliest token."""
    top_p: float = 1.0
    """Of the likeliest tokens that have this share together; above 0, 1 leaves none out."""
    max_tokens: int = 1000
    """The longest text; its delimiters do not count."""
    lookup: int = 0
    """Tokens at most that are guessed at once, by what was written before; the text stays the same."""

    def __post_init__(self) -> None:
        if self.temperature != 0:
            check_number("temperature other than 0 (greedy):", self.temperature, LEAST_TEMPERATURE)
        check_number("top_p", self.top_p, above=0, high=1)
        check_number("max_tokens", self.max_tokens, 1, whole=True)
        check_number("lookup", self.lookup, 0, MOST_GUESSED, whole=True)


def choose(logits_RV: torch.Tensor, samplings: Sequence[TextSampling], draws: Sequence[Draws]) -> list[int]:
    """The next token of every row. A greedy row draws nothing, any other one number."""
    if logits_RV.device.type != "cpu":
        rows = zip(samplings, draws, strict=True)
        numbers = [0.0 if sampling.temperature == 0 else own.uniform() for sampling, own in rows]
        number_R = torch.tensor(numbers, device=logits_RV.device, dtype=torch.double)
        return checked_tokens(RowSampling.of(samplings, logits_RV.device).pick(logits_RV, number_R).tolist())
    # A sum is no number if any of its parts is none, and needs no tensor of flags.
    if not bool(logits_RV.sum().isfinite()):
        checked_tokens([NO_TOKEN])
    sampled = [row for row, sampling in enumerate(samplings) if sampling.temperature != 0]
    if not sampled:
        return logits_RV.argmax(dim=-1).tolist()
    chosen = logits_RV.argmax(dim=-1).tolist() if len(sampled) < len(samplings) else [0] * len(samplings)
    temperatures = [samplings[row].temperature for row in sampled]
    asked_RV = logits_RV if len(sampled) == len(samplings) else logits_RV[sampled]
    if len(set(temperatures)) == 1:
        share_RV = (asked_RV / temperatures[0]).softmax(dim=-1)
    else:
        share_RV = (asked_RV / asked_RV.new_tensor(temperatures)[:, None]).softmax(dim=-1)
    for row, token in zip(sampled, _sampled(share_RV, samplings, draws, sampled), strict=True):
        chosen[row] = token
    return chosen


def checked_tokens(tokens: list[int]) -> list[int]:
    """The tokens; raises ValueError where there are none."""
    if NO_TOKEN in tokens:
        raise ValueError("the model computed values that are no numbers, so it cannot go on writing")
    return tokens


@dataclass(frozen=True, eq=False)
class RowSampling:
    """How the tokens of some rows are chosen, in tensors on their device."""

    temperature_R1: torch.Tensor
    top_p_R1: torch.Tensor
    is_greedy_R: torch.Tensor

    @classmethod
    def of(cls, samplings: Sequence[TextSampling], device: torch.device) -> "RowSampling":
        greedy = [sampling.temperature == 0 for sampling in samplings]
        temperatures = [sampling.temperature or 1.0 for sampling in samplings]
        # Rounded shares may be a little more than 1 together: without a limit none of them is left out.
        kept = [sampling.top_p if sampling.top_p < 1 else inf for sampling in samplings]
        return cls(
            torch.tensor(temperatures, device=device)[:, None],
            torch.tensor(kept, device=device, dtype=torch.double)[:, None],
            torch.tensor(greedy, device=device),
        )

    def pick(self, logits_RV: torch.Tensor, number_R: torch.Tensor) -> torch.Tensor:
        """[R], or `NO_TOKEN`, by a number in [0, 1) for each row. The host need not wait for it."""
        share_RV = (logits_RV / self.temperature_R1).softmax(dim=-1)
        bits_RV, exact_RV = share_RV.view(torch.int32), share_RV.double()
        total_R1 = exact_RV.sum(dim=-1, keepdim=True)
        # The token in which the line falls is kept whole.
        _, kept_R1 = _found(exact_RV, bits_RV, total_R1, _below(self.top_p_R1))
        sampled_R, _ = _found(exact_RV, bits_RV, total_R1, number_R[:, None] * kept_R1)
        chosen_R = torch.where(self.is_greedy_R, logits_RV.argmax(dim=-1), sampled_R)
        return torch.where(logits_RV.sum(dim=-1).isfinite(), chosen_R, NO_TOKEN)


def _found(
    share_RV: torch.Tensor, bits_RV: torch.Tensor, total_R1: torch.Tensor, target_R1: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The token [R] at which the sum of shares, likeliest first, goes beyond the target; that sum [R, 1].

    The bits of positive floats are in the order of their values. So the token's share is the largest bound
    for which all shares that are not below it are more than the target together, and of those that have it,
    which are in the order of their ids, the number is known.
    """
    target_R1 = torch.minimum(target_R1, _below(total_R1))
    bound_R1 = torch.zeros_like(bits_RV[:, :1])
    for shift in range(_SHARE_BITS - _TRIED_BITS, -1, -_TRIED_BITS):
        bound_RQ = bound_R1 + (torch.arange(1, 1 << _TRIED_BITS, device=bits_RV.device) << shift).int()
        above_RQV = bits_RV[:, None] >= bound_RQ[:, :, None]
        sum_RQ = torch.where(above_RQV, share_RV[:, None], 0.0).sum(dim=-1)
        bound_R1 = bound_R1 + ((sum_RQ > target_R1).sum(dim=-1, keepdim=True) << shift).int()
    above_R1 = torch.where(bits_RV > bound_R1, share_RV, 0.0).sum(dim=-1, keepdim=True)
    own_R1, is_tied_RV = bound_R1.view(torch.float32).double(), bits_RV == bound_R1
    rank_R1 = ((target_R1 - above_R1) / own_R1).floor().clamp(min=0)
    rank_R1 = torch.minimum(rank_R1, is_tied_RV.sum(dim=-1, keepdim=True) - 1)
    place_R = (is_tied_RV.cumsum(dim=-1) > rank_R1).int().argmax(dim=-1)
    return place_R, above_R1 + (rank_R1 + 1) * own_R1


def _below(value: torch.Tensor) -> torch.Tensor:
    """The next smaller number, without one from the host, which a graph could not hold."""
    return torch.nextafter(value, torch.zeros_like(value))


def _sampled(
    share_RV: torch.Tensor, samplings: Sequence[TextSampling], draws: Sequence[Draws], rows: Sequence[int]
) -> list[int]:
    numbers = [draws[row].uniform() for row in rows]
    # Rounded shares may be a little more than 1 together: without a limit none of them is left out.
    kept = [top_p if (top_p := samplings[row].top_p) < 1 else inf for row in rows]
    if share_RV.shape[1] > MOST_SORTED:
        return [_binned(*row) for row in zip(share_RV, numbers, kept, strict=True)]
    ordered_RV, token_RV = share_RV.double().sort(dim=-1, descending=True, stable=True)
    number_R, kept_R = share_RV.new_tensor([numbers, kept], dtype=torch.double)
    before_RV = ordered_RV.cumsum(dim=-1) - ordered_RV
    cumulative_RV = ordered_RV.where(before_RV < kept_R[:, None], 0.0).cumsum(dim=-1)
    target_R1 = number_R[:, None] * cumulative_RV[:, -1:]
    place_R1 = torch.searchsorted(cumulative_RV, target_R1, right=True).clamp(max=share_RV.shape[1] - 1)
    return token_RV.gather(1, place_R1)[:, 0].tolist()


def _binned(share_V: torch.Tensor, number: float, top_p: float) -> int:
    """The token at `number` of the shares that are kept, without sorting them all."""
    bin_V = share_V.view(torch.int32) >> _DROPPED_BITS
    weight_B = torch.bincount(bin_V, weights=share_V.double(), minlength=_NUM_BINS).flip(0)
    cumulative_B = weight_B.cumsum(dim=0)
    kept = cumulative_B[-1].item()
    if top_p < kept:
        _, upto_C = _ordered(share_V, bin_V, cumulative_B, top_p, right=False)
        # The token in which the line falls is kept whole.
        kept = upto_C[min(int(torch.searchsorted(upto_C, top_p)), len(upto_C) - 1)].item()
    target = number * kept
    token_C, upto_C = _ordered(share_V, bin_V, cumulative_B, target, right=True)
    place = int(torch.searchsorted(upto_C, target, right=True))
    return int(token_C[min(place, len(token_C) - 1)])


def _ordered(
    share_V: torch.Tensor, bin_V: torch.Tensor, cumulative_B: torch.Tensor, target: float, right: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens of the bin in which `target` falls, likeliest first, and the shares up to each of them."""
    place = min(int(torch.searchsorted(cumulative_B, target, right=right)), len(cumulative_B) - 1)
    token_C = (bin_V == len(cumulative_B) - 1 - place).nonzero()[:, 0]
    share_C, order_C = share_V[token_C].double().sort(descending=True, stable=True)
    before = cumulative_B[place - 1].item() if place else 0.0
    return token_C[order_C], before + share_C.cumsum(dim=0)
