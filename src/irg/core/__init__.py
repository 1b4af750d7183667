"""The vocabulary of the whole system: segments, packed rows, visibility, traces, events.

Nothing here knows a model's sizes, a file format of weights, or a device.
"""

from irg.core.branch import BranchKind, keeps
from irg.core.packing import IGNORE, Packed, SpecialTokens, pack, pack_tokens
from irg.core.segment import Document, Grid, Kind, Role, Route, Segment, pieces
from irg.core.visibility import block_mask, dense_mask, padded_mask, visible

__all__ = [
    "IGNORE",
    "BranchKind",
    "Document",
    "Grid",
    "Kind",
    "Packed",
    "Role",
    "Route",
    "Segment",
    "SpecialTokens",
    "block_mask",
    "dense_mask",
    "keeps",
    "pack",
    "pack_tokens",
    "padded_mask",
    "pieces",
    "visible",
]
