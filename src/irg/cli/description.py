"""What a checkpoint is, from its configuration and the headers of its weight files; no weights are loaded."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from irg.core.segment import DELIMITERS, Grid
from irg.model import Autoencoder, ModelConfig, UnifiedModel
from irg.model.checkpoint import CONFIGURATION, CheckpointError, resolve, weight_files
from irg.model.config import read_config
from irg.model.names import unified_name
from irg.pipeline import Settings
from irg.pipeline.load import EMBEDDED, embedded_folder

BFLOAT16_BYTES = 2
_PARTS = (
    ("understanding expert", r"decoder\.layers\.\d+\.understanding\.|decoder\.understanding_norm"),
    ("generation expert", r"decoder\.layers\.\d+\.generation\.|decoder\.generation_norm"),
    ("token embedding", r"decoder\.embedding"),
    ("language head", r"decoder\.head"),
    ("vision tower", r"vision\."),
    ("vision connector", r"connector\."),
    ("flow input and output", r"latent_in|latent_out|timestep"),
    ("position tables", r"view_positions|latent_positions"),
)


@dataclass(frozen=True)
class WeightFile:
    """A safetensors file: its size, and how many values it holds of each type."""

    name: str
    num_bytes: int
    num_tensors: int
    values: dict[str, int]


@dataclass(frozen=True, eq=False)
class Description:
    """Everything that `irg info` shows."""

    name: str
    folder: Path
    config: ModelConfig
    settings: Settings
    parameters: dict[str, int]
    """By part."""
    files: tuple[WeightFile, ...]
    problems: tuple[str, ...]
    """What keeps the checkpoint from being loaded."""

    @property
    def num_parameters(self) -> int:
        return sum(self.parameters.values())

    @property
    def weight_bytes(self) -> int:
        """Memory of the weights in bfloat16."""
        return self.num_parameters * BFLOAT16_BYTES

    @property
    def bytes_per_token(self) -> int:
        """Memory of one cached token in bfloat16: a key and a value in every layer."""
        decoder = self.config.decoder
        return 2 * decoder.num_layers * decoder.num_kv_heads * decoder.head_width * BFLOAT16_BYTES

    @property
    def episode_tokens(self) -> int:
        """Tokens of a two-turn episode of the usual size with thoughts as long as they may be."""
        settings = self.settings
        size = settings.width, settings.height
        clean = Grid.of(settings.clean.size(*size), self.config.pixels_per_latent)
        view = Grid.of(settings.view.size(*size), self.config.vision.patch)
        images = sum(grid.num_tokens + DELIMITERS for grid in (clean, view))
        return 2 * settings.max_thought_tokens + images

    def as_json(self) -> dict[str, Any]:
        return {
            "checkpoint": self.name,
            "folder": str(self.folder),
            "architecture": asdict(self.config),
            "parameters": {**self.parameters, "total": self.num_parameters},
            "files": [asdict(file) for file in self.files],
            "settings": self.settings.model_dump(mode="json", exclude={"scores"}),
            "memory_bfloat16": {
                "weights": self.weight_bytes,
                "context_per_token": self.bytes_per_token,
                "context_of_an_episode": self.bytes_per_token * self.episode_tokens,
            },
            "scores": self.settings.scores,
            "problems": list(self.problems),
        }


def describe(model: str | None) -> Description:
    """Describe a checkpoint given as for `load_pipeline`. Of a hub id, only the configuration is fetched."""
    name = model or EMBEDDED
    folder = embedded_folder() if name == EMBEDDED else resolve(name, CONFIGURATION)
    config, settings = read_config(folder), Settings.from_folder(folder)
    with torch.device("meta"):
        unified, autoencoder = UnifiedModel(config), Autoencoder(config.autoencoder)
    shapes = {key: tuple(value.shape) for key, value in unified.state_dict().items()}
    parameters = _count(unified, autoencoder)
    files, problems = _inspect(folder, {unified_name(key): shape for key, shape in shapes.items()})
    return Description(name, folder, config, settings, parameters, tuple(files), tuple(problems))


def _count(unified: UnifiedModel, autoencoder: Autoencoder) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, value in unified.state_dict().items():
        part = next(part for part, pattern in _PARTS if re.match(pattern, key))
        counts[part] += value.numel()
    counts = Counter({part: counts[part] for part, _ in _PARTS})
    counts["autoencoder"] = sum(value.numel() for value in autoencoder.state_dict().values())
    return dict(counts)


def _inspect(folder: Path, wanted: dict[str, tuple[int, ...]]) -> tuple[list[WeightFile], list[str]]:
    """The weight files, and what is wrong with them. `wanted` are the unified model's tensors."""
    files: list[WeightFile] = []
    problems: list[str] = []
    found: dict[str, tuple[int, ...]] = {}
    try:
        paths = weight_files(folder)
    except CheckpointError as missing:
        return [], [str(missing)]
    for path in paths:
        try:
            tensors = _header(path)
        except CheckpointError as broken:
            problems.append(str(broken))
            continue
        found |= {name: shape for name, (shape, _) in tensors.items()}
        files.append(_weight_file(path, tensors))
    if not problems:
        problems += _differences(found, wanted)
    try:
        files.append(_weight_file(folder / "ae.safetensors", _header(folder / "ae.safetensors")))
    except CheckpointError as broken:
        problems.append(str(broken))
    return files, problems


def _header(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Each tensor's name, shape and type. The file is not mapped: 30 GB may be more than fits into memory."""
    if not path.exists():
        raise CheckpointError(f"{path.parent} is not a whole checkpoint folder: {path.name} is missing")
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise CheckpointError(f"{path} is not a whole safetensors file: it ends inside its header")
        header = file.read(length)
    try:
        tensors = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        shapes = {name: (tuple(entry["shape"]), entry["dtype"]) for name, entry in tensors.items()}
        end = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise CheckpointError(f"{path} is not a safetensors file: its header cannot be read") from broken
    if end != size:
        raise CheckpointError(f"{path} is not a whole safetensors file: it has {size:,} bytes of {end:,}")
    return shapes


def _weight_file(path: Path, tensors: dict[str, tuple[tuple[int, ...], str]]) -> WeightFile:
    values: Counter[str] = Counter()
    for shape, dtype in tensors.values():
        values[dtype] += torch.Size(shape).numel()
    return WeightFile(path.name, path.stat().st_size, len(tensors), dict(values.most_common()))


def _differences(found: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        if name not in found:
            yield f"missing {name}"
        elif name not in wanted:
            yield f"unexpected {name}"
        elif found[name] != wanted[name] and not _is_folded(found[name], wanted[name]):
            yield f"{name} has shape {found[name]}, expected {wanted[name]}"


def _is_folded(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a convolution's weight stands where a matrix of the same rows is meant, as loading allows."""
    return len(found) == 4 and len(wanted) == 2 and (found[0], torch.Size(found[1:]).numel()) == wanted
