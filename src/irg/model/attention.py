"""How the tokens of a packed row attend: padded scaled-dot-product attention, with or without a cache, and FlexAttention.

The decoder hands queries, keys and values over in expert order (all understanding tokens, then all latents) and gets
the result back in that order; everything about rows, documents, masks and caches is decided here.

Shape suffixes: T tokens in expert order, R documents, Q the longest of them, S key slots, H heads, G key/value heads,
K head width.
"""

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
    """Scaled-dot-product attention with one document per batch row."""

    def __init__(self, packed: Packed, cache: KeyValueCache | None = None) -> None:
        order_T = torch.cat([packed.understanding_index_U, packed.latent_index_M])
        self.cache = cache
        self.shape = (packed.num_documents, max(packed.document_lengths))
        self.slot_T = packed.document_T[order_T] * self.shape[1] + packed.column_T[order_T]
        mask_RQS = padded_mask(packed, cache.lengths_R if cache else None)
        self.mask = None if bool(mask_RQS.all()) else mask_RQS[:, None]

    def __call__(
        self, layer: int, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor:
        query, key, value = (self._pad(tensor) for tensor in (query_THK, key_TGK, value_TGK))
        if self.cache is not None:
            key, value = self.cache.extend(layer, key, value)
        output = functional.scaled_dot_product_attention(
            *(rearrange(tensor, "R S H K -> R H S K") for tensor in (query, key, value)),
            attn_mask=self.mask,
            enable_gqa=query_THK.shape[1] != key_TGK.shape[1],
        )
        return rearrange(output, "R H Q K -> (R Q) H K")[self.slot_T]

    def _pad(self, values_THK: torch.Tensor) -> torch.Tensor:
        rows, longest = self.shape
        padded = values_THK.new_zeros(rows * longest, *values_THK.shape[1:])
        padded[self.slot_T] = values_THK
        return padded.unflatten(0, (rows, longest))


class FlexAttend:
    """FlexAttention over the whole row, without a cache: the form for training long packed rows on a GPU."""

    def __init__(self, packed: Packed, length: int | None = None) -> None:
        self.order_T = torch.cat([packed.understanding_index_U, packed.latent_index_M])
        self.block_mask = block_mask(packed, length)
        self.length = packed.num_tokens if length is None else length

    def __call__(
        self, layer: int, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor:
        query, key, value = (self._to_row(tensor) for tensor in (query_THK, key_TGK, value_TGK))
        output = flex_attention(
            query, key, value, block_mask=self.block_mask, enable_gqa=query_THK.shape[1] != key_TGK.shape[1]
        )
        assert isinstance(output, torch.Tensor)
        return rearrange(output, "1 H T K -> T H K")[self.order_T]

    def _to_row(self, values_THK: torch.Tensor) -> torch.Tensor:
        row = values_THK.new_zeros(self.length, *values_THK.shape[1:])
        row[self.order_T] = values_THK
        return rearrange(row, "T H K -> 1 H T K")
