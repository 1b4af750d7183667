"""Tensors of few bits in checkpoints: the moments of 8-bit optimizers, which no plain tensor type can hold.

Such a tensor is a codebook, codes into it, and one scale per block of values. A shard of it is no box of a
bigger tensor, for blocks may straddle shards. It is saved as it is, piece by piece, under names that say
where the piece lies. Ranks that split it alike load the pieces bit for bit; others decode what they need and
encode it anew, which rounds.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from irg.model.checkpoint import CheckpointError
from irg.run.saved import Files, Saved

_PIECE = re.compile(r"(?P<whole>.+)/at-(?P<offsets>\d+(-\d+)*)/(?P<part>\w+)")
_VALUES = "values"
"""The only part of a piece that is plain after all: a rank's share may be too small for codes."""


def low_bit_names(tensors: Mapping[str, torch.Tensor], group: dist.ProcessGroup | None) -> set[str]:
    """The names of the tensors that are of few bits on any rank of `group`."""
    names = {name for name, tensor in tensors.items() if _parts_of(_local(tensor))}
    if group is None:
        return names
    found: list[set[str]] = [set()] * dist.get_world_size(group)
    dist.all_gather_object(found, names, group=group)
    return set().union(*found)


def pieces(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """The parts of this rank's piece of a tensor, by name; their memory is the tensor's."""
    local = _local(tensor)
    place = "-".join(map(str, _offsets(tensor)))
    parts = {part: getattr(local, part) for part in _parts_of(local)} or {_VALUES: local}
    return {f"{name}/at-{place}/{part}": value for part, value in parts.items()}


def whole_name(name: str) -> str:
    """The name of the tensor of which `name` may be a part."""
    match = _PIECE.fullmatch(name)
    return match["whole"] if match else name


def fill_low_bit(
    folder: Path,
    saved: Mapping[str, Saved],
    wanted: dict[str, torch.Tensor],
    group: dist.ProcessGroup | None,
) -> set[str]:
    """Fill those tensors that are saved otherwise than they are held, and take them out of `wanted`.

    Tensors of few bits that are saved as they are held become their pieces in `wanted`. Returns the names of
    those filled. Raises CheckpointError where what is saved cannot be decoded or is not all there.
    """
    in_pieces = {whole_name(name) for name in saved} - saved.keys()
    low_bit, filled = low_bit_names(wanted, group), set()
    for name in low_bit | (in_pieces & wanted.keys()):
        tensor = wanted.pop(name)
        parts = pieces(name, tensor)
        alike = name in low_bit and all(
            part in saved and saved[part].shape == value.shape for part, value in parts.items()
        )
        if alike or not (name in saved or name in in_pieces):
            wanted |= parts
        else:
            _fill(folder, saved, name, tensor)
            filled.add(name)
    return filled


def _fill(folder: Path, saved: Mapping[str, Saved], name: str, tensor: torch.Tensor) -> None:
    """Decode what this rank needs of a tensor, and encode it as it is held here."""
    local, first = _local(tensor), _offsets(tensor)
    values = torch.empty(local.shape)
    filled = 0
    with Files(folder) as files:
        if name in saved:
            places = {(0,) * len(first): files.whole(name, saved[name])}
        else:
            parts = _pieces_of(saved, name)
            places = {offsets: _decoded(files, name, offsets, one) for offsets, one in parts.items()}
        for offsets, piece in places.items():
            here, there = _overlap(first, local.shape, offsets, piece.shape)
            values[here] = piece[there]
            filled += prod(one.stop - one.start for one in here)
    if filled != values.numel():
        raise CheckpointError(f"{folder}: of {values.numel()} values of {name} only {filled} are there")
    local.copy_(values.to(local.device))


def _decoded(files: Files, name: str, offsets: Iterable[int], parts: Mapping[str, Saved]) -> torch.Tensor:
    """A piece as float32."""
    place = "-".join(map(str, offsets))
    read = {part: files.whole(f"{name}/at-{place}/{part}", one) for part, one in parts.items()}
    if read.keys() == {_VALUES}:
        return read[_VALUES].float()
    if read.keys() != {"codes", "scale", "qmap"}:
        raise CheckpointError(
            f"{files.folder}: {name} is saved as {', '.join(sorted(read))}; "
            "only 8-bit states can be spread over other processes than those that saved them"
        )
    codes, scales = read["codes"], read["scale"]
    return (read["qmap"][codes.long()].view(len(scales), -1) * scales[:, None]).view(codes.shape)


def _pieces_of(saved: Mapping[str, Saved], name: str) -> dict[tuple[int, ...], dict[str, Saved]]:
    found: dict[tuple[int, ...], dict[str, Saved]] = defaultdict(dict)
    for other, one in saved.items():
        match = _PIECE.fullmatch(other) if other.startswith(name) else None
        if match and match["whole"] == name:
            found[tuple(map(int, match["offsets"].split("-")))][match["part"]] = one
    return found


def _overlap(
    first: Iterable[int], shape: Iterable[int], other_first: Iterable[int], other_shape: Iterable[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two boxes overlap, as seen from each of them; empty slices where they do not."""
    here, there = [], []
    for start, size, other, other_size in zip(first, shape, other_first, other_shape, strict=True):
        low, high = max(start, other), min(start + size, other + other_size)
        high = max(low, high)
        here.append(slice(low - start, high - start))
        there.append(slice(low - other, high - other))
    return tuple(here), tuple(there)


def _parts_of(local: torch.Tensor) -> list[str]:
    """The names of the plain tensors that a tensor of a type of its own is made of; none for a plain one."""
    flatten = getattr(local, "__tensor_flatten__", None)  # torch's protocol for such types
    return flatten()[0] if flatten else []


def _local(tensor: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _offsets(tensor: torch.Tensor) -> tuple[int, ...]:
    """Where this rank's share of a tensor begins."""
    if isinstance(tensor, DTensor):
        return tuple(tensor.__create_chunk_list__()[0].offsets)
    return (0,) * tensor.ndim
