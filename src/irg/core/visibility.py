"""Who sees whom, in one rule and three forms.

The rule (BAGEL's, stated over segments): within a document a token sees everything up to itself and all of
its own image segment; nobody but itself sees a NOISY segment. The dense boolean is the definition that tests
trust; the padded form feeds scaled-dot-product attention one document per batch row; the block mask feeds
FlexAttention on whole packed rows. Behind cached contexts the engine needs no masks but a text's own.

Shape suffixes: T tokens of the row, R documents, Q the longest document.
"""

from collections.abc import Callable, Sequence

import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from irg.core.packing import Packed
from irg.core.segment import Kind


def visible(packed: Packed, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Whether the tokens at places `query` see the tokens at places `key` (broadcast against each other)."""
    same_document = packed.document_T[query] == packed.document_T[key]
    same_segment = packed.segment_T[query] == packed.segment_T[key]
    is_image = packed.kind_T[query] != int(Kind.TEXT)
    key_is_noisy = packed.kind_T[key] == int(Kind.NOISY)
    reaches = (key <= query) | (same_segment & is_image)
    return same_document & reaches & (~key_is_noisy | same_segment)


def dense_mask(packed: Packed) -> torch.Tensor:
    """[T, T] boolean, True where the row's query sees the column's key."""
    place = torch.arange(packed.num_tokens, device=packed.kind_T.device)
    return visible(packed, place[:, None], place[None, :])


def padded_mask(packed: Packed, documents: Sequence[int] | None = None) -> torch.Tensor:
    """[R, Q, Q] boolean over documents padded to the longest.

    `documents` picks some of the row's documents (None: all of them). A padding query sees itself alone, so
    that its softmax is defined; nobody reads what it computes.
    """
    device = packed.kind_T.device
    chosen = torch.arange(packed.num_documents) if documents is None else torch.tensor(documents)
    all_lengths = torch.tensor(packed.document_lengths)
    first = (all_lengths.cumsum(0) - all_lengths)[chosen].to(device)
    lengths = all_lengths[chosen].to(device)
    columns = torch.arange(int(all_lengths[chosen].max()), device=device)
    exists = columns < lengths[:, None]
    place = torch.where(exists, first[:, None] + columns, 0)
    seen = visible(packed, place[:, :, None], place[:, None, :]) & exists[:, :, None] & exists[:, None, :]
    return seen | (torch.eye(len(columns), dtype=torch.bool, device=device) & ~exists[:, :, None])


def block_mask(packed: Packed, length: int | None = None) -> BlockMask:
    """FlexAttention's block mask of a packed row, padded to `length` tokens; padding sees only itself."""
    length = packed.num_tokens if length is None else length
    padding = length - packed.num_tokens
    if padding < 0:
        raise ValueError(f"a row of {packed.num_tokens} tokens does not fit into {length}")
    device = packed.kind_T.device
    return create_block_mask(_mask_mod(packed, padding), None, None, length, length, device=str(device))


def _mask_mod(packed: Packed, padding: int) -> Callable[..., torch.Tensor]:
    def padded(values: torch.Tensor, fill: int) -> torch.Tensor:
        return torch.nn.functional.pad(values, (0, padding), value=fill)

    document, segment = padded(packed.document_T, -1), padded(packed.segment_T, -1)
    image = padded(packed.kind_T != int(Kind.TEXT), 0)
    noisy = padded(packed.kind_T == int(Kind.NOISY), 0)
    real = padded(torch.ones_like(packed.kind_T), 0).bool()

    def mask_mod(
        batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
    ) -> torch.Tensor:
        same_segment = segment[query] == segment[key]
        reaches = (key <= query) | (same_segment & image[query].bool())
        seen = (document[query] == document[key]) & reaches & (~noisy[key].bool() | same_segment)
        return torch.where(real[query], seen, query == key)

    return mask_mod
