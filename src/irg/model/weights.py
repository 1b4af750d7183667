"""Weight files: safetensors under the reference's names, read and written a tensor or a file at a time."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from irg.core.digest import content_of
from irg.core.files import MOST_BYTES, inside, parse_json, put_in_place, read_json, write_atomically
from irg.core.values import check_number
from irg.model.stored import StoredEntry, foreign, stored

WEIGHT_FILES = ("ema.safetensors", "ema_bf16.safetensors", "model.safetensors", "model_bf16.safetensors")
AUTOENCODER_FILE = "ae.safetensors"


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded; the message names every offending file or tensor."""


@dataclass(frozen=True)
class WeightFile:
    """A safetensors file: its size, and how many values it holds of each type."""

    name: str
    num_bytes: int
    num_tensors: int
    values: dict[str, int]


def weight_files(folder: Path) -> list[Path]:
    """The files with a folder's weights: one, or its shards. Raises CheckpointError if they are not there."""
    for name in WEIGHT_FILES:
        if (folder / name).exists():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.exists():
            try:
                named = read_json(index)["weight_map"].values()
                shards = sorted({inside(folder, shard) for shard in named})
            except (ValueError, KeyError, TypeError, AttributeError) as broken:
                raise CheckpointError(f"{index} is not a whole index of shards: {broken!r}") from broken
            if missing := [shard.name for shard in shards if not shard.exists()]:
                raise CheckpointError(f"{index} names files that are missing: {', '.join(missing)}")
            return shards
    others = sorted(folder.glob("ema*.safetensors"))
    if len(others) == 1:  # such as the ema-FP8.safetensors of somebody's conversion
        return others
    raise CheckpointError(
        f"{folder} is not a checkpoint folder: it has none of {', '.join(WEIGHT_FILES)} (or an index)"
        + (f", and more than one other: {', '.join(path.name for path in others)}" if others else "")
        + ("; GGUF files are not read" if any(folder.glob("*.gguf")) else "")
    )


def read_weights(
    files: Sequence[Path], wanted: Mapping[str, torch.Size], device: torch.device | str = "cpu"
) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor that is wanted, by name and shape, one at a time.

    A convolution's weight may stand where a matrix of the same rows is meant, and 8 or 4 bits where numbers
    are (`irg.model.stored`). Raises CheckpointError, at the end, where tensors were missing, unexpected or of
    another shape.
    """
    faults: list[str] = []
    with opened(files, device) as handles:
        weights = stored(entries_of(handles))
        found = {name: one.shape(wanted.get(name)) for name, one in weights.items()}
        for name, one in weights.items():
            if fault := one.fault:
                faults.append(fault)
            elif name in wanted and _fits(found[name], wanted[name]):
                try:
                    tensor = one.read(lambda part: handles[part].get_tensor(part)).view(wanted[name])
                except (ValueError, RuntimeError) as wrong:
                    faults.append(f"{name} cannot be decoded: {wrong}")
                    continue
                if not is_finite(tensor):
                    faults.append(f"{name} holds NaN or infinity")
                yield name, tensor
    if problems := faults + differences(found, wanted):
        where = ", ".join(map(str, files))
        raise CheckpointError(f"{where}: {len(problems)} problem(s): " + "; ".join(sorted(problems)))


@contextmanager
def opened(files: Sequence[Path], device: torch.device | str = "cpu") -> Iterator[Mapping[str, Any]]:
    """For the length of the block, the safetensors handle that each tensor can be read from, by its name.

    Raises CheckpointError for a file that is not whole.
    """
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        for path in files:
            try:
                file = stack.enter_context(safe_open(path, framework="pt", device=str(device)))
            except SafetensorError as broken:
                raise CheckpointError(f"{path} is not a whole safetensors file: {broken}") from broken
            found |= dict.fromkeys(file.keys(), file)
        yield found


def entries_of(files: Mapping[str, Any]) -> dict[str, StoredEntry]:
    """What the tensors of opened files are."""
    slices = {name: file.get_slice(name) for name, file in files.items()}
    return {name: StoredEntry(one.get_dtype(), torch.Size(one.get_shape())) for name, one in slices.items()}


def differences(found: Mapping[str, torch.Size], wanted: Mapping[str, torch.Size]) -> list[str]:
    """What is wrong with tensors of these shapes, in words, by name."""
    problems = [f"weights stored as {way} are not read" for way in foreign(found)]
    for name in sorted(found.keys() | wanted.keys()):
        if name not in found:
            problems.append(f"missing {name}")
        elif name not in wanted:
            problems.append(f"unexpected {name}")
        elif not _fits(found[name], wanted[name]):
            problems.append(f"{name} has shape {tuple(found[name])}, expected {tuple(wanted[name])}")
    return problems


def _fits(found: torch.Size, wanted: torch.Size) -> bool:
    folded = len(found) == 4 and len(wanted) == 2 and (found[0], found[1:].numel()) == wanted
    return folded or found == wanted


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all its values are numbers; found without a tensor of answers beside it."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    wide = tensor if tensor.element_size() > 1 else tensor.half()
    return bool(torch.stack(wide.aminmax()).isfinite().all())


def write_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write a file, which takes the place of an earlier one once it is whole.

    Raises CheckpointError for a tensor with what is no number or infinite.
    """
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise CheckpointError(f"{path.name} is not written: {name} holds NaN or infinity")
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file(tensors, partial, metadata={"format": "pt"})
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_weights(
    path: Path, sizes: Mapping[str, int], read: Callable[[str], torch.Tensor], most_bytes: int | None = None
) -> None:
    """Write the tensors that `sizes` names, in bytes, and `read` gives, holding one file's at a time.

    They become the file `path` or, where they are more than `most_bytes`, shards with an index.
    """
    groups = [list(sizes)] if most_bytes is None else list(_groups(sizes, most_bytes))
    stem, placed = path.name.removesuffix(".safetensors"), dict[str, str]()
    for number, names in enumerate(groups, start=1):
        file = path.name if len(groups) == 1 else f"{stem}-{number:05d}-of-{len(groups):05d}.safetensors"
        write_tensors({name: read(name).contiguous() for name in names}, path.with_name(file))
        placed |= dict.fromkeys(names, file)
    if len(groups) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": placed}
        write_atomically(path.with_name(f"{path.name}.index.json"), json.dumps(index, indent=1))


def _groups(sizes: Mapping[str, int], most_bytes: int) -> Iterator[list[str]]:
    """Names in order, as many together as fit."""
    group: list[str] = []
    total = 0
    for name, size in sizes.items():
        if group and total + size > most_bytes:
            yield group
            group, total = [], 0
        group.append(name)
        total += size
    yield group


def read_header(path: Path) -> tuple[WeightFile, dict[str, StoredEntry]]:
    """What a file holds, and the type and shape of each tensor.

    The file is not mapped: 30 GB may be more than fits. Raises CheckpointError where it is missing or not
    whole.
    """
    entries, _ = _entries(path)
    values: Counter[str] = Counter()
    for entry in entries.values():
        values[entry.dtype] += entry.shape.numel()
    size = path.stat().st_size
    told = {name: StoredEntry(entry.dtype, entry.shape) for name, entry in entries.items()}
    return WeightFile(path.name, size, len(entries), dict(values.most_common())), told


def content_of_weights(path: Path) -> str:
    """Tells a file from others by its header and a piece of every tensor (`irg.core.digest.content_of`).

    Raises CheckpointError as `read_header` does.
    """
    entries, begin = _entries(path)
    return content_of(path, sorted(begin + entry.begin for entry in entries.values()))


class _Placed(NamedTuple):
    """A tensor as a header tells of it; it begins so many bytes after the header."""

    dtype: str
    shape: torch.Size
    begin: int


def _entries(path: Path) -> tuple[dict[str, _Placed], int]:
    """The tensors of a file by name, and where its header ends."""
    if not path.exists():
        raise CheckpointError(f"{path.parent} is not a whole checkpoint folder: {path.name} is missing")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, MOST_BYTES):
            raise CheckpointError(f"{path} is not a whole safetensors file: it ends inside its header")
        header = file.read(length)
    try:
        tensors = parse_json(header.decode(), "its header")
        tensors.pop("__metadata__", None)
        entries = {
            name: _Placed(str(entry["dtype"]), torch.Size(entry["shape"]), entry["data_offsets"][0])
            for name, entry in tensors.items()
        }
        end = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
        for entry in entries.values():
            check_number("where a tensor begins", entry.begin, 0, end, whole=True)
            check_number("the least side of a tensor", min(entry.shape, default=0), 0, whole=True)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as broken:
        raise CheckpointError(f"{path} is not a safetensors file: its header cannot be read") from broken
    if end != size:
        raise CheckpointError(f"{path} is not a whole safetensors file: it has {size:,} bytes of {end:,}")
    return entries, 8 + length
