"""Checkpoint folders: the reference's layout, loaded memory-mapped and straight to a device and type.

A folder holds `llm_config.json`, `vit_config.json`, `ae.safetensors`, the weights (`ema.safetensors`,
`ema_bf16.safetensors`, or shards with an index), tokenizer files, and for other than FLUX's autoencoder
`ae_params.json`.
"""

import json
import re
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from irg.core.files import put_in_place, write_atomically
from irg.model.autoencoder import Autoencoder
from irg.model.config import ModelConfig, read_autoencoder_config, read_config, write_config
from irg.model.names import autoencoder_name, unified_name
from irg.model.unified import UnifiedModel

WEIGHT_FILES = ("ema.safetensors", "ema_bf16.safetensors", "model.safetensors")
CONFIGURATION = ("*.json",)
_NEEDED = (*CONFIGURATION, "*.safetensors", "*.txt", "*.model")


class CheckpointError(ValueError):
    """A checkpoint that cannot be loaded; the message names every offending file or tensor."""


def resolve(model: str | Path, needed: Seq[str] = _NEEDED) -> Path:
    """The folder of a checkpoint given by path or by hub id (`organisation/name`), whose files that match
    `needed` are downloaded if need be."""
    folder = Path(model)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise CheckpointError(f"{folder} is a file, expected a checkpoint folder")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(model)):
        raise CheckpointError(f"{model} is neither a folder nor a hub id of the form organisation/name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(model), allow_patterns=list(needed)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as failure:
        raise CheckpointError(
            f"{model} is no local folder and could not be fetched from the hub: {failure}"
        ) from failure


def load_model(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> UnifiedModel:
    """The unified model of a folder; `dtype` None keeps each tensor's own type."""
    config = read_config(folder)
    with torch.device("meta"):
        model = UnifiedModel(config)
    names = {unified_name(name): name for name in model.state_dict()}
    _load(model, names, weight_files(folder), device, dtype)
    return model.eval()


def read_weights(folder: Path, model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor of a folder's weights, under the model's own names, one at a time and on the CPU.

    For models that are spread over processes and never whole anywhere. Raises CheckpointError at the end
    where tensors were missing, unexpected or of another shape.
    """
    wanted = model.state_dict()
    names = {unified_name(name): name for name in wanted}
    files, seen, problems = weight_files(folder), set(), []
    for path in files:
        for name, tensor in _read_tensors(path, "cpu", set(names)):
            if tensor is None:
                problems.append(f"unexpected {name}")
                continue
            seen.add(name)
            expected = tuple(wanted[names[name]].shape)
            if tensor.ndim == 4 and len(expected) == 2:
                tensor = tensor.flatten(1)
            if tuple(tensor.shape) != expected:
                problems.append(f"{name} has shape {tuple(tensor.shape)}, expected {expected}")
                continue
            yield names[name], tensor
    problems += [f"missing {name}" for name in names if name not in seen]
    _complain(files, problems)


def load_autoencoder(
    folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Autoencoder:
    config = read_autoencoder_config(folder)
    path = folder / "ae.safetensors"
    if not path.exists():
        raise CheckpointError(f"{folder} is not a checkpoint folder: ae.safetensors is missing")
    with torch.device("meta"):
        autoencoder = Autoencoder(config)
    names = _autoencoder_names(autoencoder)
    _load(autoencoder, names, [path], device, dtype)
    return autoencoder.eval()


def save_model(
    model: UnifiedModel, folder: Path, file: str = "ema.safetensors", max_shard_bytes: int | None = None
) -> None:
    """Write the weights under the reference's names, in shards with an index above `max_shard_bytes`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_config(model.config, folder)
    tensors = {
        unified_name(name): value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    total = sum(value.nbytes for value in tensors.values())
    if max_shard_bytes is None or total <= max_shard_bytes:
        _write_tensors(tensors, folder / file)
        return
    shards = list(_shards(tensors, max_shard_bytes))
    stem = file.removesuffix(".safetensors")
    placed: dict[str, str] = {}
    for index, shard in enumerate(shards, start=1):
        name = f"{stem}-{index:05d}-of-{len(shards):05d}.safetensors"
        _write_tensors(shard, folder / name)
        placed |= dict.fromkeys(shard, name)
    index = {"metadata": {"total_size": total}, "weight_map": placed}
    write_atomically(folder / f"{file}.index.json", json.dumps(index, indent=1))


def save_autoencoder(autoencoder: Autoencoder, folder: Path, config: ModelConfig | None = None) -> None:
    """Write `ae.safetensors` and, given the whole model's `config`, the folder's JSON files."""
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        write_config(config, folder)
    state = autoencoder.state_dict()
    tensors = {
        theirs: _as_conv(theirs, state[ours]).detach().cpu().contiguous()
        for theirs, ours in _autoencoder_names(autoencoder).items()
    }
    _write_tensors(tensors, folder / "ae.safetensors")


def _autoencoder_names(autoencoder: Autoencoder) -> dict[str, str]:
    kind, depth = autoencoder.config.kind, len(autoencoder.config.channels)
    return {autoencoder_name(name, kind, depth): name for name in autoencoder.state_dict()}


def _as_conv(name: str, value: torch.Tensor) -> torch.Tensor:
    """LDM keeps the middle attention's linear layers as 1x1 convolutions."""
    return value[:, :, None, None] if re.search(r"attn_1\.\w+\.weight$", name) and value.ndim == 2 else value


def weight_files(folder: Path) -> list[Path]:
    for name in WEIGHT_FILES:
        if (folder / name).exists():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.exists():
            try:
                shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
            except (ValueError, KeyError, TypeError, AttributeError) as broken:
                raise CheckpointError(f"{index} is not a whole index of shards: {broken!r}") from broken
            missing = [shard for shard in shards if not (folder / shard).exists()]
            if missing:
                raise CheckpointError(f"{index} names files that are missing: {', '.join(missing)}")
            return [folder / shard for shard in shards]
    raise CheckpointError(
        f"{folder} is not a checkpoint folder: it has none of {', '.join(WEIGHT_FILES)} (or an index)"
    )


def _load(
    module: nn.Module,
    names: dict[str, str],
    files: list[Path],
    device: torch.device | str,
    dtype: torch.dtype | None,
) -> None:
    """Fill a module on the meta device with the tensors of `files`, whose names `names` maps to its own."""
    wanted = module.state_dict()
    state: dict[str, torch.Tensor] = {}
    problems: list[str] = []
    for path in files:
        for name, tensor in _read_tensors(path, device, set(names)):
            if tensor is None:
                problems.append(f"unexpected {name}")
                continue
            if tensor.ndim == 4 and wanted[names[name]].ndim == 2:
                tensor = tensor.flatten(1)
            if tensor.shape != wanted[names[name]].shape:
                expected = tuple(wanted[names[name]].shape)
                problems.append(f"{name} has shape {tuple(tensor.shape)}, expected {expected}")
            state[names[name]] = tensor if dtype is None else tensor.to(dtype)
    problems += [f"missing {theirs}" for theirs, ours in names.items() if ours not in state]
    _complain(files, problems)
    module.load_state_dict(state, assign=True)


def _complain(files: list[Path], problems: list[str]) -> None:
    if problems:
        where = ", ".join(str(path) for path in files)
        raise CheckpointError(f"{where}: {len(problems)} problem(s): " + "; ".join(sorted(problems)))


def _read_tensors(
    path: Path, device: torch.device | str, wanted: set[str]
) -> Iterator[tuple[str, torch.Tensor | None]]:
    """Each name in the file with its tensor, or None for a tensor that nobody wants (it is not read)."""
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            for name in file.keys():  # noqa: SIM118 - the handle is no mapping
                yield name, file.get_tensor(name) if name in wanted else None
    except SafetensorError as broken:
        raise CheckpointError(f"{path} is not a whole safetensors file: {broken}") from broken


def _write_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file(tensors, partial, metadata={"format": "pt"})
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _shards(tensors: dict[str, torch.Tensor], limit: int) -> Iterator[dict[str, torch.Tensor]]:
    shard: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        if shard and sum(held.nbytes for held in shard.values()) + value.nbytes > limit:
            yield shard
            shard = {}
        shard[name] = value
    yield shard
