"""How a file stores each weight: as numbers, or in few bits with what it takes to decode them.

    int8   codes, and a scale for each output or for all; or bitsandbytes' `SCB`, the largest value of each,
           and its `weight_format`, of which only 0, by rows, is read
    fp8    float8 values, with or without such a scale
    nf4    bitsandbytes' pairs of 4-bit codes, and what it says of them (`absmax`, `quant_map`, `quant_state`)

Scales are called `NAME_scale`, `NAME.scale`, or `scale_weight` and `scale` in the place of `weight`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

PLAIN = ("F32", "F16", "BF16")
"""Types of weights that are loaded as they are, as safetensors calls them."""
_CODES = {"I8": "int8", "F8_E4M3": "fp8", "F8_E5M2": "fp8", "U8": "nf4"}
_FORMAT = "weight_format"
_FOREIGN = {"encoded_exponent": "DFloat11", "sign_mantissa": "DFloat11", "qweight": "GPTQ or AWQ"}
"""What other ways of storing call their tensors."""


class StoredEntry(NamedTuple):
    """What a header says of a tensor."""

    kind: str
    shape: torch.Size


@dataclass(frozen=True)
class StoredWeight:
    """One weight, and the names of the tensors beside it by what they are called there."""

    name: str
    entry: StoredEntry
    beside: Mapping[str, str] = field(default_factory=dict)

    def shape(self, wanted: torch.Size | None) -> torch.Size:
        """Once decoded: of pairs of codes, the shape that is wanted, if they are as many."""
        packed = self.entry.kind == "U8" and wanted is not None
        if packed and wanted is not None and self.entry.shape.numel() == -(-wanted.numel() // 2):
            return wanted
        return self.entry.shape

    @property
    def fault(self) -> str | None:
        """Why it cannot be decoded, if so."""
        kind = self.entry.kind
        if kind in PLAIN or _CODES.get(kind) == "fp8":
            return None
        if kind == "I8" and self.beside.keys() - {_FORMAT}:
            return None
        if kind == "U8" and {"absmax", "quant_map"} <= self.beside.keys() and self._state is not None:
            return None
        lacking = {"I8": " without a scale", "U8": " without bitsandbytes' NF4 state"}.get(kind, "")
        return (
            f"{self.name} is of type {kind}{lacking}, expected {', '.join(PLAIN)}, or 8 or 4 bits with scales"
        )

    @property
    def _state(self) -> str | None:
        return next((known for known in self.beside if known.startswith("quant_state.")), None)

    def read(self, get: Callable[[str], torch.Tensor]) -> torch.Tensor:
        """The values; those of few bits as float32. `get` gives a tensor of the files by its name."""
        tensor = get(self.name)
        if self.entry.kind in PLAIN:
            return tensor
        parts = {known: get(name) for known, name in self.beside.items()}
        if self.entry.kind == "U8":
            return _from_nf4(tensor, parts)
        if (layout := parts.pop(_FORMAT, None)) is not None and bool(layout.any()):
            raise ValueError(f"{self.beside[_FORMAT]} is {layout.tolist()}, expected 0: by rows")
        values = tensor.float()
        for known, scale in parts.items():
            if scale.numel() not in (1, len(values)):
                raise ValueError(
                    f"{self.beside[known]} has shape {tuple(scale.shape)}: expected one scale, or one for "
                    f"each of {len(values)} outputs"
                )
            per_output = scale.float().reshape(-1, *[1] * (values.ndim - 1))
            values = values * (per_output / 127.0 if known == "SCB" else per_output)
        return values


def stored(entries: Mapping[str, StoredEntry]) -> dict[str, StoredWeight]:
    """The weights of a file's tensors, by name; a tensor that only says how to decode another is none."""
    beside: dict[str, dict[str, str]] = {name: {} for name, one in entries.items() if one.kind in _CODES}
    taken = set()
    for name in entries:
        for owner, known in _owners(name):
            if owner in beside and owner != name:
                beside[owner][known] = name
                taken.add(name)
                break
    return {
        name: StoredWeight(name, entry, beside.get(name, {}))
        for name, entry in entries.items()
        if name not in taken
    }


def foreign(names: Mapping[str, object]) -> list[str]:
    """Ways of storing weights that are not read here, by name."""
    return sorted({way for name in names for part, way in _FOREIGN.items() if name.endswith(part)})


def _owners(name: str) -> list[tuple[str, str]]:
    """The weights that a tensor of this name may belong to, and what it would be there."""
    path, _, leaf = name.rpartition(".")
    found = []
    for ending in ("_scale", ".scale", ".scales"):
        if name.endswith(ending):
            found.append((name.removesuffix(ending), "scale"))
    if leaf in ("scale_weight", "weight_scale", "scale"):
        found.append((f"{path}.weight", "scale"))
    if leaf in ("SCB", _FORMAT):
        found.append((f"{path}.weight", leaf))
    for part in ("absmax", "quant_map", "nested_absmax", "nested_quant_map"):
        if leaf == part:
            found.append((path, part))
    if leaf.startswith("bitsandbytes__") and path.endswith(".quant_state"):
        found.append((path.removesuffix(".quant_state"), f"quant_state.{leaf}"))
    return found


def _from_nf4(codes: torch.Tensor, parts: dict[str, torch.Tensor]) -> torch.Tensor:
    from bitsandbytes.functional import QuantState, dequantize_4bit

    state = QuantState.from_dict(dict(parts), codes.device)
    return dequantize_4bit(codes, state).float()
