"""The vocabulary of the whole system: segments, packed rows, visibility, traces, events.

Nothing here knows a model's sizes, a file format of weights, or a device.

The names below are imported when they are first used: files and settings, which are here too, need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irg.core.branch import BranchKind, keeps
    from irg.core.packing import IGNORE, Packed, SpecialTokens, pack, pack_tokens
    from irg.core.segment import Document, Grid, Kind, Role, Route, Segment, pieces
    from irg.core.visibility import block_mask, dense_mask, padded_mask, visible

_HOMES = {
    "irg.core.branch": ("BranchKind", "keeps"),
    "irg.core.packing": ("IGNORE", "Packed", "SpecialTokens", "pack", "pack_tokens"),
    "irg.core.segment": ("Document", "Grid", "Kind", "Role", "Route", "Segment", "pieces"),
    "irg.core.visibility": ("block_mask", "dense_mask", "padded_mask", "visible"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'irg.core' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
