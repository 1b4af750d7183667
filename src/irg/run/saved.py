"""What a checkpoint of training is on disk: safetensors and JSON.

torch's own storage pickles, and a pickle can run code on whoever loads it. A folder holds

    index.json              every tensor's type and shape, and its chunks: file, offsets, shape, checksum
    plain.json              what is no tensor
    rank-00000.safetensors  the chunks that this rank wrote
"""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open

from irg.core import files
from irg.core.values import check_number
from irg.model.checkpoint import CheckpointError
from irg.run.state import local, offsets

FORMAT = 1
INDEX, PLAIN = "index.json", "plain.json"
_WHOLE = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class Chunk:
    """A box of a tensor, in one rank's file under the tensor's name."""

    file: str
    offsets: tuple[int, ...]
    shape: tuple[int, ...]
    checksum: int
    """CRC-32 of the values' bytes."""


@dataclass(frozen=True)
class Saved:
    """A tensor of a checkpoint."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    chunks: tuple[Chunk, ...]


def steps_in(states: Path) -> list[int]:
    """The steps of the whole checkpoints in a run's folder of them, oldest first."""
    names = [path.name for path in states.iterdir()] if states.is_dir() else []
    found = map(_WHOLE.fullmatch, names)
    return sorted(int(match[1]) for match in found if match)


def step_name(step: int) -> str:
    """The name of a whole checkpoint's folder."""
    return f"step-{step:08d}"


def step_folder(states: Path, step: int) -> Path:
    """The folder of one checkpoint. Raises CheckpointError if it is not there."""
    folder = states / step_name(step)
    if not folder.is_dir():
        there = ", ".join(map(str, steps_in(states))) or "none"
        raise CheckpointError(f"{states} has no checkpoint of step {step}; those there: {there}")
    return folder


def read_index(folder: Path) -> dict[str, Saved]:
    """The tensors of a checkpoint by name. Raises CheckpointError where the folder is not whole."""
    content = read_json(folder / INDEX)
    if content.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / INDEX}: format {content.get('format')!r}, this version reads {FORMAT}"
        )
    try:
        index = {name: _parse(folder, saved) for name, saved in content["tensors"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise CheckpointError(f"{folder / INDEX} is damaged: {broken!r}") from broken
    named = {chunk.file for saved in index.values() for chunk in saved.chunks}
    if missing := sorted(file for file in named if not (folder / file).exists()):
        raise CheckpointError(f"{folder} is damaged: {', '.join(missing)} is missing")
    return index


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a checkpoint. Raises CheckpointError if it is missing or none."""
    try:
        return files.read_json(path)
    except FileNotFoundError as missing:
        raise CheckpointError(f"{path.parent} is not a whole checkpoint: {path.name} is missing") from missing
    except ValueError as broken:
        raise CheckpointError(f"{path.name} is damaged: {broken}") from broken


class Files:
    """The open files of a checkpoint; a context manager. What is read of them is mapped, not copied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def _handle(self, file: str) -> Any:
        if file not in self._open:
            path = self.folder / file
            try:
                self._open[file] = self._stack.enter_context(safe_open(path, framework="pt"))
            except FileNotFoundError as missing:
                raise CheckpointError(f"{self.folder} is damaged: {file} is missing") from missing
            except SafetensorError as broken:
                raise CheckpointError(f"{path} is damaged: {broken}") from broken
        return self._open[file]

    def chunk(self, name: str, chunk: Chunk, compare: bool = True) -> torch.Tensor:
        """A chunk of the tensor `name`. Raises CheckpointError if it is not what was written."""
        path = self.folder / chunk.file
        try:
            tensor = self._handle(chunk.file).get_tensor(name)
        except SafetensorError as missing:
            raise CheckpointError(f"{path} is damaged: it lacks {name}") from missing
        if compare and checksum(tensor) != chunk.checksum:
            raise CheckpointError(f"{path} is damaged: {name} is not what was written")
        return tensor

    def compare_checksums(self, saved: Mapping[str, Saved], rank: int, world: int) -> None:
        """Those of this rank's part of the files: the one that it wrote itself, if the ranks are the same."""
        mine = set(sorted(path.name for path in self.folder.glob("*.safetensors"))[rank::world])
        for name, one in saved.items():
            for chunk in one.chunks:
                if chunk.file in mine:
                    self.chunk(name, chunk)

    def whole(self, name: str, saved: Saved) -> torch.Tensor:
        """A tensor put together on the CPU."""
        whole = torch.empty(saved.shape, dtype=saved.dtype)
        pieces = ((chunk.offsets, self.chunk(name, chunk)) for chunk in saved.chunks)
        put_together(whole, (0,) * whole.ndim, pieces, name)
        return whole

    def fill(self, tensor: torch.Tensor, name: str, saved: Saved) -> None:
        """Read into a tensor what this process holds of it; checksums are compared elsewhere."""
        pieces = ((chunk.offsets, self.chunk(name, chunk, compare=False)) for chunk in saved.chunks)
        put_together(local(tensor), offsets(tensor), pieces, name)


def put_together(
    values: torch.Tensor,
    first: Sequence[int],
    pieces: Iterable[tuple[Sequence[int], torch.Tensor]],
    name: str,
) -> None:
    """Fill `values`, which begin at `first` of a tensor, from pieces of it that begin where each says.

    The pieces do not overlap. Raises CheckpointError where they leave a gap.
    """
    filled = 0
    for start, piece in pieces:
        here, there = _overlap(first, values.shape, start, piece.shape)
        values[here] = piece[there]
        filled += prod(one.stop - one.start for one in here)
    if filled != values.numel():
        raise CheckpointError(f"of {values.numel()} values of {name} only {filled} are there")


def checksum(tensor: torch.Tensor) -> int:
    """CRC-32 of the bytes of a tensor on the CPU."""
    values = tensor.detach().contiguous().flatten().view(torch.uint8)
    return zlib.crc32(memoryview(values.numpy()))  # pyright: ignore[reportArgumentType] - 3.11's stubs


def _overlap(
    first: Sequence[int], shape: Sequence[int], other_first: Sequence[int], other_shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two boxes overlap, as seen from each of them; empty slices where they do not."""
    here, there = [], []
    for start, size, other, other_size in zip(first, shape, other_first, other_shape, strict=True):
        low, high = max(start, other), min(start + size, other + other_size)
        high = max(low, high)
        here.append(slice(low - start, high - start))
        there.append(slice(low - other, high - other))
    return tuple(here), tuple(there)


def _parse(folder: Path, saved: dict[str, Any]) -> Saved:
    dtype = getattr(torch, saved["dtype"])
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{saved['dtype']} is no type of values")
    chunks = tuple(
        Chunk(
            files.inside(folder, chunk["file"]).name,
            _sizes(chunk["offsets"]),
            _sizes(chunk["shape"]),
            _sizes([chunk["checksum"]])[0],
        )
        for chunk in saved["chunks"]
    )
    return Saved(dtype, _sizes(saved["shape"]), chunks)


def _sizes(values: Any) -> tuple[int, ...]:
    for value in (found := tuple(values)):
        check_number("a size", value, 0, 1 << 63, whole=True)
    return found
