"""Tensors of few bits in checkpoints: the moments of 8-bit optimizers, which no plain tensor type can hold.

Such a tensor is a codebook, codes into it, and one scale per block of values. A shard of it is no box of a
bigger tensor, for blocks may straddle shards. It is saved as it is, piece by piece, under names that say
where the piece lies. Ranks that split it alike load the pieces bit for bit; others decode what they need and
encode it anew, which rounds.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
import torch.distributed as dist

from irg.model.checkpoint import CheckpointError
from irg.run.saved import Files, Saved, put_together
from irg.run.state import gathered, local, offsets

_PIECE = re.compile(r"(?P<whole>.+)/at-(?P<offsets>\d+(-\d+)*)/(?P<part>\w+)")
_VALUES = "values"
"""The only part of a piece that is plain after all: a rank's share may be too small for codes."""


def low_bit_names(tensors: Mapping[str, torch.Tensor], group: dist.ProcessGroup | None) -> set[str]:
    """The names of the tensors that are of few bits on any rank of `group`."""
    names = {name for name, tensor in tensors.items() if _parts_of(local(tensor))}
    return set().union(*gathered(names, group))


def pieces(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """The parts of this rank's piece of a tensor, by name; their memory is the tensor's."""
    held, place = local(tensor), "-".join(map(str, offsets(tensor)))
    parts = {part: getattr(held, part) for part in _parts_of(held)} or {_VALUES: held}
    return {f"{name}/at-{place}/{part}": value for part, value in parts.items()}


def whole_name(name: str) -> str:
    """The name of the tensor of which `name` may be a part."""
    match = _PIECE.fullmatch(name)
    return match["whole"] if match else name


def fill_low_bit(
    files: Files,
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
            _fill(files, saved, name, tensor)
            filled.add(name)
    return filled


def _fill(files: Files, saved: Mapping[str, Saved], name: str, tensor: torch.Tensor) -> None:
    """Decode what this rank needs of a tensor, and encode it as it is held here."""
    values = torch.empty(local(tensor).shape)
    if name in saved:
        places = [((0,) * tensor.ndim, files.whole(name, saved[name]))]
    else:
        parts = _pieces_of(saved, name)
        places = ((place, _decoded(files, name, place, one)) for place, one in parts.items())
    put_together(values, offsets(tensor), places, name)
    local(tensor).copy_(values.to(tensor.device))


def _decoded(files: Files, name: str, start: Iterable[int], parts: Mapping[str, Saved]) -> torch.Tensor:
    """A piece as float32."""
    place = "-".join(map(str, start))
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


def _parts_of(tensor: torch.Tensor) -> list[str]:
    """The names of the plain tensors that a tensor of a type of its own is made of; none for a plain one."""
    flatten = getattr(tensor, "__tensor_flatten__", None)  # torch's protocol for such types
    return flatten()[0] if flatten else []
