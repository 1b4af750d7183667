"""How the tokens of a packed row attend: padded attention, and FlexAttention over whole rows.

The decoder hands over what each of its two streams asks, offers and says, and gets back what each of them
saw; everything about rows, documents and masks is decided by an `Attend`. The two here join the streams in
expert order (all understanding tokens, then all latents). Behind cached contexts the engine attends.

Shape suffixes: T tokens of a stream or in expert order, R documents, Q the longest of them, S key slots, H
heads, G key/value heads, K head width, A all heads' values of a token.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, Protocol

import torch
from einops import rearrange
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention

from irg.core import Packed, block_mask, padded_mask


class Projected(NamedTuple):
    """What one stream brings to the attention of a layer. It has no queries where nobody wants to know what
    its tokens see: in the last layer, if nothing is read from them."""

    query_THK: torch.Tensor | None
    key_TGK: torch.Tensor
    value_TGK: torch.Tensor


Attended = tuple[torch.Tensor | None, torch.Tensor | None]
"""[T, A] of the understanding and of the generation stream, None where there are no queries."""


class Attend(Protocol):
    """Attention of one layer over a packed row. A stream without tokens is None."""

    def __call__(self, layer: int, understood: Projected | None, generated: Projected | None) -> Attended: ...


def in_expert_order(
    attend: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    streams: tuple[Projected | None, Projected | None],
) -> Attended:
    """Attention that knows no streams: over the tokens of both, one after the other."""
    there = [stream for stream in streams if stream is not None]
    query_THK, key_TGK, value_TGK = (torch.cat(parts) for parts in zip(*there, strict=True))
    attended_TA = attend(query_THK, key_TGK, value_TGK).flatten(1)
    seen = iter(attended_TA.split([len(stream.key_TGK) for stream in there]))
    ours_TA, theirs_TA = (None if stream is None else next(seen) for stream in streams)
    return ours_TA, theirs_TA


class PaddedAttend:
    """Attention with one document per batch row; documents of similar length go together."""

    def __init__(self, packed: Packed) -> None:
        self.rows = [_Rows(packed, documents) for documents in similar(packed.document_lengths)]

    def __call__(self, layer: int, understood: Projected | None, generated: Projected | None) -> Attended:
        return in_expert_order(self.attend, (understood, generated))

    def attend(self, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor) -> torch.Tensor:
        if len(self.rows) == 1:
            return self.rows[0].attend(query_THK, key_TGK, value_TGK)
        output_THK = value_TGK.new_empty(query_THK.shape)
        for rows in self.rows:
            token_T = rows.token_T
            output_THK[token_T] = rows.attend(query_THK[token_T], key_TGK[token_T], value_TGK[token_T])
        return output_THK


class _Rows:
    """Some documents of a packed row, padded to the longest of them. Tokens keep their expert order."""

    def __init__(self, packed: Packed, documents: tuple[int, ...]) -> None:
        order_T = torch.cat([packed.understanding_index_U, packed.latent_index_M])
        row_of = torch.full((packed.num_documents,), -1, device=order_T.device)
        row_of[list(documents)] = torch.arange(len(documents), device=order_T.device)
        row_T = row_of[packed.document_T[order_T]]
        self.token_T = (row_T >= 0).nonzero()[:, 0]
        self.shape = (len(documents), max(packed.document_lengths[document] for document in documents))
        self.slot_T = (row_T * self.shape[1] + packed.column_T[order_T])[self.token_T]
        mask_RQS = padded_mask(packed, documents)
        self.mask = None if bool(mask_RQS.all()) else mask_RQS[:, None]

    def attend(self, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._pad(tensor) for tensor in (query_THK, key_TGK, value_TGK))
        query, key, value = (rearrange(tensor, "R S H K -> R H S K") for tensor in (query, key, value))
        if query.device.type == "cpu" and torch.is_grad_enabled():
            output = _explicit_attention(query, key, value, self.mask)
        else:
            output = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=self.mask, enable_gqa=query.shape[1] != key.shape[1]
            )
        return rearrange(output, "R H Q K -> (R Q) H K")[self.slot_T]

    def _pad(self, values_THK: torch.Tensor) -> torch.Tensor:
        rows, longest = self.shape
        padded = values_THK.new_zeros(rows * longest, *values_THK.shape[1:])
        padded[self.slot_T] = values_THK
        return padded.unflatten(0, (rows, longest))


def similar(lengths: tuple[int, ...], tolerance: float = 0.7) -> list[tuple[int, ...]]:
    """Bundles of documents in which none is shorter than `tolerance` times the longest."""
    bundles: list[list[int]] = []
    for document in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if bundles and lengths[document] >= tolerance * lengths[bundles[-1][0]]:
            bundles[-1].append(document)
        else:
            bundles.append([document])
    return [tuple(bundle) for bundle in bundles]


def _explicit_attention(
    query_RHQK: torch.Tensor, key_RGSK: torch.Tensor, value_RGSK: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """Attention as two matrix products. At training sizes on a CPU, forward and backward together take less
    than half the time of the fused kernel's."""
    groups = query_RHQK.shape[1] // key_RGSK.shape[1]
    if groups > 1:
        key_RGSK, value_RGSK = (tensor.repeat_interleave(groups, dim=1) for tensor in (key_RGSK, value_RGSK))
    score_RHQS = torch.matmul(query_RHQK * query_RHQK.shape[-1] ** -0.5, key_RGSK.transpose(-1, -2))
    if mask is not None:
        score_RHQS = score_RHQS.masked_fill(~mask, float("-inf"))
    exact = torch.promote_types(score_RHQS.dtype, torch.float32)
    return torch.matmul(score_RHQS.softmax(dim=-1, dtype=exact).to(value_RGSK.dtype), value_RGSK)


class FlexAttend:
    """FlexAttention over the whole row, without a cache: the form for training long packed rows on a GPU.

    There it is compiled; elsewhere it runs as written, which builds all scores and is for checking only.
    """

    def __init__(self, packed: Packed, length: int | None = None) -> None:
        self.order_T = torch.cat([packed.understanding_index_U, packed.latent_index_M])
        self.block_mask = block_mask(packed, length)
        self.length = packed.num_tokens if length is None else length

    def __call__(self, layer: int, understood: Projected | None, generated: Projected | None) -> Attended:
        return in_expert_order(self.attend, (understood, generated))

    def attend(self, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._to_row(tensor) for tensor in (query_THK, key_TGK, value_TGK))
        flex = _compiled_flex() if query.is_cuda else flex_attention
        output = flex(
            query, key, value, block_mask=self.block_mask, enable_gqa=query_THK.shape[1] != key_TGK.shape[1]
        )
        assert isinstance(output, torch.Tensor)
        return rearrange(output, "1 H T K -> T H K")[self.order_T]

    def _to_row(self, values_THK: torch.Tensor) -> torch.Tensor:
        row = values_THK.new_zeros(self.length, *values_THK.shape[1:])
        row[self.order_T] = values_THK
        return rearrange(row, "T H K -> 1 H T K")


@cache
def _compiled_flex() -> Callable[..., object]:
    return torch.compile(flex_attention, dynamic=True)
