"""Choosing the next token: greedily, or by an inverse of the cumulative shares, likeliest tokens first.

A token is where a uniform number falls among the shares in their order. For that a large vocabulary need not
be sorted: shares are counted into narrow bins, and only the bin in which the number falls is put in order.

Shape suffixes: R rows, V vocabulary, B bins, C tokens of one bin.
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
MOST_SORTED = 1024
"""Vocabularies up to this size are sorted as a whole, which is quicker."""
_DROPPED_BITS = 16
"""Of a share in float32: bins are as wide as the 7 highest bits of the mantissa tell apart."""
_NUM_BINS = (0x3F80 << 16 >> _DROPPED_BITS) + 1
"""The last bin is that of a share of 1."""


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

    def __post_init__(self) -> None:
        if self.temperature != 0:
            check_number("temperature other than 0 (greedy):", self.temperature, LEAST_TEMPERATURE)
        check_number("top_p", self.top_p, above=0, high=1)
        check_number("max_tokens", self.max_tokens, 1, whole=True)


def choose(logits_RV: torch.Tensor, samplings: Sequence[TextSampling], draws: Sequence[Draws]) -> list[int]:
    """The next token of every row. A greedy row draws nothing, any other one number."""
    # A sum is no number if any of its parts is none, and needs no tensor of flags.
    if not bool(logits_RV.sum().isfinite()):
        raise ValueError("the model computed values that are no numbers, so it cannot go on writing")
    sampled = [row for row, sampling in enumerate(samplings) if sampling.temperature != 0]
    if not sampled:
        return logits_RV.argmax(dim=-1).tolist()
    chosen = logits_RV.argmax(dim=-1).tolist() if len(sampled) < len(samplings) else [0] * len(samplings)
    temperature_R = torch.tensor([samplings[row].temperature for row in sampled], device=logits_RV.device)
    asked_RV = logits_RV if len(sampled) == len(samplings) else logits_RV[sampled]
    share_RV = (asked_RV / temperature_R[:, None]).softmax(dim=-1)
    for row, token in zip(sampled, _sampled(share_RV, samplings, draws, sampled), strict=True):
        chosen[row] = token
    return chosen


def _sampled(
    share_RV: torch.Tensor, samplings: Sequence[TextSampling], draws: Sequence[Draws], rows: Sequence[int]
) -> list[int]:
    numbers = [draws[row].uniform() for row in rows]
    # Rounded shares may be a little more than 1 together: without a limit none of them is left out.
    kept = [top_p if (top_p := samplings[row].top_p) < 1 else inf for row in rows]
    if share_RV.shape[1] > MOST_SORTED and share_RV.device.type == "cpu":
        return [_binned(*row) for row in zip(share_RV, numbers, kept, strict=True)]
    ordered_RV, token_RV = share_RV.double().sort(dim=-1, descending=True, stable=True)
    # float64 on the device costs nothing beside the sort, and numbers mean the same tokens everywhere.
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
