"""How the tokens of a packed row attend: padded attention, with or without a cache, and FlexAttention.

The decoder hands queries, keys and values over in expert order (all understanding tokens, then all latents)
and gets the result back in that order; everything about rows, documents, masks and caches is decided here.

Shape suffixes: T tokens in expert order, R documents, Q the longest of them, S key slots, H heads, G
key/value heads, K head width.
"""

from collections.abc import Callable
from functools import cache
from typing import Protocol

import torch
from einops import rearrange
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention

from irg.core import Packed, block_mask, padded_mask


class Attend(Protocol):
    """Attention of one layer over a packed row."""

    def __call__(
        self, layer: int, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor: ...


class KeyValueCache(Protocol):
    """What attention needs of cached contexts: document r of the packed row continues the r-th of them."""

    @property
    def lengths_R(self) -> torch.Tensor:
        """Filled slots of each context."""
        ...

    def extend(
        self, layer: int, key_RQGK: torch.Tensor, value_RQGK: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values [R, S, G, K]: max(lengths_R) cached slots, then the new ones."""
        ...


class PaddedAttend:
    """Attention with one document per batch row; without a cache, documents of similar length go together."""

    def __init__(self, packed: Packed, cache: KeyValueCache | None = None) -> None:
        everyone = tuple(range(packed.num_documents))
        bundles = [everyone] if cache is not None else similar(packed.document_lengths)
        self.rows = [_Rows(packed, documents, cache) for documents in bundles]

    def __call__(
        self, layer: int, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor:
        if len(self.rows) == 1:
            return self.rows[0].attend(layer, query_THK, key_TGK, value_TGK)
        output_THK = value_TGK.new_empty(query_THK.shape)
        for rows in self.rows:
            token_T = rows.token_T
            output_THK[token_T] = rows.attend(layer, query_THK[token_T], key_TGK[token_T], value_TGK[token_T])
        return output_THK


class _Rows:
    """Some documents of a packed row, padded to the longest of them. Tokens keep their expert order."""

    def __init__(self, packed: Packed, documents: tuple[int, ...], cache: KeyValueCache | None) -> None:
        order_T = torch.cat([packed.understanding_index_U, packed.latent_index_M])
        row_of = torch.full((packed.num_documents,), -1, device=order_T.device)
        row_of[list(documents)] = torch.arange(len(documents), device=order_T.device)
        row_T = row_of[packed.document_T[order_T]]
        self.token_T = (row_T >= 0).nonzero()[:, 0]
        self.cache = cache
        self.shape = (len(documents), max(packed.document_lengths[document] for document in documents))
        self.slot_T = (row_T * self.shape[1] + packed.column_T[order_T])[self.token_T]
        mask_RQS = padded_mask(packed, cache.lengths_R if cache else None, documents)
        self.mask = None if bool(mask_RQS.all()) else mask_RQS[:, None]

    def attend(
        self, layer: int, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor:
        query, key, value = (self._pad(tensor) for tensor in (query_THK, key_TGK, value_TGK))
        if self.cache is not None:
            key, value = self.cache.extend(layer, key, value)
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

    def __call__(
        self, layer: int, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor:
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
