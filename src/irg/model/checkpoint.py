"""Checkpoint folders: the reference's layout, read memory-mapped and straight to a device and type.

A folder holds `llm_config.json`, `vit_config.json`, `ae.safetensors`, the weights (`ema.safetensors`,
`ema_bf16.safetensors`, or shards with an index), tokenizer files, and for other than FLUX's autoencoder
`ae_params.json`. Whoever uses it finds there, too, how it wants to be used (`irg.pipeline.settings`).
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import torch
from torch import nn

from irg.core.digest import digest_of
from irg.core.files import put_in_place
from irg.model.adapter_file import WEIGHTS as ADAPTER_WEIGHTS
from irg.model.adapter_file import AdapterFolder
from irg.model.autoencoder import Autoencoder
from irg.model.config import (
    AutoencoderConfig,
    ModelConfig,
    read_autoencoder_config,
    read_config,
    write_config,
)
from irg.model.hollow import hollow
from irg.model.hub import HubName
from irg.model.low_bit import Quantize, is_quantized, quantize_weight
from irg.model.names import autoencoder_name, unified_name
from irg.model.stored import StoredEntry, stored
from irg.model.unified import UnifiedModel, skeleton
from irg.model.weights import (
    AUTOENCODER_FILE,
    CheckpointError,
    WeightFile,
    content_of_weights,
    differences,
    entries_of,
    opened,
    read_header,
    read_weights,
    weight_files,
    write_tensors,
    write_weights,
)

EMBEDDED = "embedded"
"""The name of the model that comes with the package."""
_CONFIGURATION = ("*.json",)
_SMALL = (*_CONFIGURATION, "*.txt", "*.model", "*.jinja")
_ENDING = ".safetensors"
_WEIGHTS = (f"*{_ENDING}",)
_INDEX = ".safetensors.index.json"


@dataclass(frozen=True)
class Held:
    """Where weights that are read are held, and how; `dtype` None keeps each tensor's own type."""

    device: torch.device
    dtype: torch.dtype | None
    quantize: Quantize = Quantize.NONE
    adapters: AdapterFolder | None = None
    """What is added to them first."""


@dataclass(frozen=True)
class CheckpointFolder:
    """A checkpoint on disk. Whatever is wrong with its files raises ValueError, with all that is."""

    path: Path
    adapters: AdapterFolder | None = None
    """What is added to its weights when they are loaded."""
    file: str | None = None
    """The only file of its weights; None: the usual one, or its shards."""

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def find(cls, model: str | Path | None = None, weights: bool = True) -> "CheckpointFolder":
        """The checkpoint given by folder, by one of its files of weights, by hub id (`irg.model.hub`), or the
        embedded one (None).

        Of a model on the hub what is not here yet is downloaded; its weights only if `weights` are needed. A
        folder of adapters is the checkpoint that it names, with them.
        """
        if model is None or str(model) == EMBEDDED:
            path = Path(str(resources.files("irg") / "assets" / EMBEDDED))
            if not path.is_dir():
                raise ValueError(f"this installation lacks the embedded model: {path} is missing")
            return cls(path)
        path, file = Path(model), None
        if path.is_file() and path.suffix == _ENDING:
            path, file = path.parent, path.name
        elif not path.is_dir():
            if path.exists():
                raise CheckpointError(f"{path} is a file, expected a checkpoint folder")
            if (name := HubName.of(str(model))) is None:
                raise CheckpointError(
                    f"{model} is neither a folder nor a hub id of the form organisation/name"
                )
            path = name.fetch(_SMALL if weights else _CONFIGURATION, _WEIGHTS if weights else ())
            file = name.file
        if file is not None:
            if weights and not (path / file).exists():
                raise CheckpointError(f"{file} is missing in {path}")
            return cls(path, file=file)
        if (adapters := AdapterFolder.at(path)) is None:
            return cls(path)
        under = cls.find(adapters.base, weights) if not adapters.is_its_own_base else cls(path, adapters)
        if under.adapters is not None:
            raise CheckpointError(f"{path} has adapters to {adapters.base}, which is made of adapters itself")
        return cls(under.path, adapters)

    @cached_property
    def config(self) -> ModelConfig:
        return read_config(self.path)

    @cached_property
    def autoencoder_config(self) -> AutoencoderConfig:
        return read_autoencoder_config(self.path)

    @property
    def weight_files(self) -> list[Path]:
        return weight_files(self.path) if self.file is None else [self.path / self.file]

    @property
    def autoencoder_file(self) -> Path:
        path = self.path / AUTOENCODER_FILE
        if not path.exists():
            raise CheckpointError(f"{self} is not a checkpoint folder: {path.name} is missing")
        return path

    def fingerprint(self) -> str:
        """Tells weights apart, by what is in their files: headers, and a piece of every tensor."""
        return digest_of(self.weights_content(), content_of_weights(self.autoencoder_file))[:16]

    def weights_content(self) -> str:
        """The same without the autoencoder, which a folder that a run begins from may lack."""
        added = [self.adapters.path / ADAPTER_WEIGHTS] if self.adapters is not None else []
        return digest_of(*map(content_of_weights, [*self.weight_files, *added]))

    def inspect(self) -> tuple[list[WeightFile], list[str]]:
        """The weight files, and what keeps them from being loaded, from their headers alone."""
        try:
            paths = self.weight_files
        except CheckpointError as missing:
            return [], [str(missing)]
        files, entries, problems = _headers(paths)
        if not problems:
            state = skeleton(self.config).state_dict()
            wanted = {unified_name(name): one.shape for name, one in state.items()}
            weights = stored(entries)
            problems = [fault for one in weights.values() if (fault := one.fault)]
            problems += differences(
                {name: one.shape(wanted.get(name)) for name, one in weights.items()}, wanted
            )
            if self.adapters is not None:
                files.append(read_header(self.adapters.path / ADAPTER_WEIGHTS)[0])
                self.adapters.check(wanted)
        autoencoder, _, others = _headers([self.path / AUTOENCODER_FILE])
        return files + autoencoder, problems + others

    @contextmanager
    def opened(self) -> Iterator[Callable[[str], torch.Tensor | None]]:
        """For the length of the block, what reads a weight by our name for it, or None if it is not there."""
        with opened(self.weight_files) as files:
            weights = stored(entries_of(files))

            def read(name: str) -> torch.Tensor | None:
                if (one := weights.get(unified_name(name))) is None:
                    return None
                tensor = one.read(lambda part: files[part].get_tensor(part))
                tensor = tensor.flatten(1) if tensor.ndim == 4 else tensor
                return tensor if self.adapters is None else self.adapters.added(unified_name(name), tensor)

            yield read

    def load_model(
        self,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        quantize: Quantize = Quantize.NONE,
    ) -> UnifiedModel:
        """The unified model; `dtype` None keeps each tensor's own type.

        The experts' projections are quantised one by one as they are read, so that they are never whole.
        """
        model = skeleton(self.config)
        self.fill(model, device, dtype, quantize)
        return model.eval()

    def fill(
        self,
        model: UnifiedModel,
        device: torch.device | str,
        dtype: torch.dtype | None = None,
        quantize: Quantize = Quantize.NONE,
    ) -> None:
        """Put the weights into a model that may be spread over processes, and so never whole anywhere: each
        tensor is read by itself, and of it what this process holds is kept."""
        names = {unified_name(name): name for name in model.state_dict()}
        if self.adapters is not None:
            held = model.state_dict()
            self.adapters.check({theirs: held[ours].shape for theirs, ours in names.items()})
        _fill(model, names, self.weight_files, Held(torch.device(device), dtype, quantize, self.adapters))

    def load_autoencoder(
        self, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
    ) -> Autoencoder:
        config, file = self.autoencoder_config, self.autoencoder_file
        with hollow():
            autoencoder = Autoencoder(config)
        _fill(autoencoder, _autoencoder_names(autoencoder), [file], Held(torch.device(device), dtype))
        return autoencoder.eval()

    def write_config(self, config: ModelConfig) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_config(config, self.path)

    def write_model(
        self,
        file: str,
        sizes: Mapping[str, int],
        read: Callable[[str], torch.Tensor],
        most_bytes: int | None = None,
    ) -> None:
        """Write weights of the sizes in bytes that `read` gives, both by the model's own names."""
        ours = {unified_name(name): name for name in sizes}
        theirs = {name: sizes[own] for name, own in ours.items()}
        write_weights(self.path / file, theirs, lambda name: read(ours[name]), most_bytes)

    def save_autoencoder(self, autoencoder: Autoencoder) -> None:
        """Write `ae.safetensors`."""
        self.path.mkdir(parents=True, exist_ok=True)
        state = autoencoder.state_dict()
        tensors = {
            theirs: _as_conv(theirs, state[ours]).detach().cpu().contiguous()
            for theirs, ours in _autoencoder_names(autoencoder).items()
        }
        write_tensors(tensors, self.path / AUTOENCODER_FILE)

    def copy_small(self, other: "CheckpointFolder") -> None:
        """Its configuration and vocabulary files, such as `merges.txt`, whether we know them or not."""
        for pattern in _SMALL:
            for path in sorted(other.path.glob(pattern)):
                if path.is_file() and not path.name.startswith(".") and not path.name.endswith(_INDEX):
                    shutil.copyfile(path, self.path / path.name)

    def copy_autoencoder(self, other: "CheckpointFolder") -> None:
        partial = self.path / f".{AUTOENCODER_FILE}.partial"
        shutil.copyfile(other.autoencoder_file, partial)
        put_in_place(partial, self.path / AUTOENCODER_FILE)


def _fill(module: nn.Module, names: Mapping[str, str], files: Sequence[Path], held: Held) -> None:
    """Fill a module with the tensors of `files`, whose names `names` maps to its own."""
    hollow_state = module.state_dict()
    state: dict[str, torch.Tensor] = {}
    wanted = {name: hollow_state[ours].shape for name, ours in names.items()}
    for theirs, tensor in read_weights(files, wanted, held.device):
        target, tensor = hollow_state[names[theirs]], tensor.to(held.device, held.dtype)
        if held.adapters is not None:
            tensor = held.adapters.added(theirs, tensor)
        if hasattr(target, "placements"):
            from torch.distributed.tensor import distribute_tensor  # slow to import, for sharded models only

            tensor = distribute_tensor(tensor, target.device_mesh, target.placements, src_data_rank=None)
        if held.quantize is not Quantize.NONE and is_quantized(names[theirs]):
            quantize_weight(module, names[theirs], tensor, held.quantize)
        else:
            state[names[theirs]] = tensor
    # What was quantised is in its place already.
    lacking = module.load_state_dict(state, assign=True, strict=held.quantize is Quantize.NONE)
    assert all(is_quantized(name) for name in lacking.missing_keys)


def _headers(paths: Sequence[Path]) -> tuple[list[WeightFile], dict[str, StoredEntry], list[str]]:
    """Of files: what they hold, what all their tensors are, and what is wrong with broken ones."""
    files: list[WeightFile] = []
    entries: dict[str, StoredEntry] = {}
    problems: list[str] = []
    for path in paths:
        try:
            file, found = read_header(path)
        except CheckpointError as broken:
            problems.append(str(broken))
            continue
        files.append(file)
        entries |= found
    return files, entries, problems


def _autoencoder_names(autoencoder: Autoencoder) -> dict[str, str]:
    kind, depth = autoencoder.config.kind, len(autoencoder.config.channels)
    return {autoencoder_name(name, kind, depth): name for name in autoencoder.state_dict()}


def _as_conv(name: str, value: torch.Tensor) -> torch.Tensor:
    """LDM keeps the middle attention's linear layers as 1x1 convolutions."""
    return value[:, :, None, None] if re.search(r"attn_1\.\w+\.weight$", name) and value.ndim == 2 else value
