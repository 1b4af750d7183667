"""From a run's checkpoint to a checkpoint folder that everything else loads: the reference's layout.

One process reads it, whatever wrote it, and holds one file's worth of weights at a time. No GPU is needed.
"""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from irg.core.files import put_in_place, write_atomically
from irg.model import ModelConfig, UnifiedModel
from irg.model.checkpoint import CheckpointError, weight_files
from irg.model.config import write_config
from irg.model.embeddings import sincos_table
from irg.model.low_bit import as_held, is_quantized
from irg.model.names import unified_name
from irg.pipeline.load import checkpoint_folder
from irg.run.parallel import Precision
from irg.run.saved import PLAIN, Files, read_index, read_json, step_folder, steps_in
from irg.run.storage import delete
from irg.train.assemble import RunParts, parts_of
from irg.train.settings import TrainRecipe

_FILES = {torch.bfloat16: "ema_bf16.safetensors", torch.float32: "ema.safetensors"}
"""The reference's names, which it uses for whichever weights they hold."""
MOST_BYTES = 5_000_000_000
"""Of one file of weights; more are split, with an index beside them."""


class Weights(StrEnum):
    """Which of a run's weights."""

    EMA = "ema"
    """The averaged ones; those that were frozen have no average, and are what they were."""
    RAW = "raw"


@dataclass(frozen=True)
class Choice:
    """What to export of a run."""

    step: int
    weights: Weights = Weights.EMA
    dtype: torch.dtype = torch.bfloat16
    """bfloat16 or float32."""


def export_run(recipe: TrainRecipe, states: Path, out: Path, choice: Choice) -> Path:
    """Write the checkpoint folder `out` from the training checkpoints in `states`; replaces an earlier one.

    Adapters are merged into the weights. Raises ValueError where `out` holds anything else, and
    CheckpointError where the training checkpoint is missing, damaged, or not of this recipe's model.
    """
    if choice.dtype not in _FILES:
        raise ValueError(f"export as {choice.dtype}: expected one of {', '.join(map(str, _FILES))}")
    if out.exists() and not (out / "llm_config.json").exists() and (out.is_file() or any(out.iterdir())):
        raise ValueError(f"{out} is there and is no checkpoint folder: it is not overwritten")
    parts, state = parts_of(recipe), step_folder(states, choice.step)
    _check_model(state, parts.config)
    partial = out.with_name(f".{out.name}.partial")
    delete(partial)
    partial.mkdir(parents=True)
    _write_surroundings(parts, partial)
    with _Source(recipe, parts.config, state, choice.weights) as source:
        write_weights(source, parts.config, partial / _FILES[choice.dtype], choice.dtype)
    delete(out)
    return partial.rename(out)


def newest(states: Path) -> int:
    """The last step of which there is a training checkpoint."""
    steps = steps_in(states) if states.is_dir() else []
    if not steps:
        raise CheckpointError(f"{states} holds no checkpoint of training")
    return steps[-1]


def write_weights(
    source: "_Source", config: ModelConfig, path: Path, dtype: torch.dtype, most_bytes: int = MOST_BYTES
) -> None:
    """Write all weights of a model under the reference's names, in as many files as it takes."""
    with torch.device("meta"):
        sizes = {
            name: one.numel() * dtype.itemsize for name, one in UnifiedModel(config).state_dict().items()
        }
    groups = list(_groups(sizes, most_bytes))
    stem, placed = path.name.removesuffix(".safetensors"), {}
    for number, names in enumerate(groups, start=1):
        file = path.name if len(groups) == 1 else f"{stem}-{number:05d}-of-{len(groups):05d}.safetensors"
        tensors = {unified_name(name): source[name].to(dtype).contiguous() for name in names}
        partial = path.with_name(f".{file}.partial")
        save_file(tensors, partial, metadata={"format": "pt"})
        put_in_place(partial, path.with_name(file))
        placed |= dict.fromkeys(tensors, file)
    if len(groups) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": placed}
        write_atomically(path.with_name(f"{path.name}.index.json"), json.dumps(index, indent=1))


class _Source:
    """The weights of a plain model by name, one at a time, from a training checkpoint and what it began from.

    A context manager: the files stay open in between.
    """

    def __init__(self, recipe: TrainRecipe, config: ModelConfig, state: Path, weights: Weights) -> None:
        self.files, self.saved = Files(state), read_index(state)
        self.parts = ("ema", "model") if weights is Weights.EMA else ("model",)
        self.lora = recipe.lora
        self.dtype = torch.bfloat16 if recipe.parallel.master is Precision.BFLOAT16 else torch.float32
        with torch.device("meta"):
            self.shapes = {name: one.shape for name, one in UnifiedModel(config).state_dict().items()}
        self._stack = ExitStack()
        self._stack.enter_context(self.files)
        self._began = self._open(checkpoint_folder(recipe.init)) if recipe.init is not None else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> torch.Tensor:
        """The weight on the CPU. Raises CheckpointError where it is nowhere, or has another shape."""
        module, _, leaf = name.rpartition(".")
        tensor = self._saved(name)
        if tensor is None:
            tensor = self._frozen(module, leaf)
        if self.lora is not None and leaf == "weight":
            up, down = (self._saved(f"{module}.lora_{factor}.default.weight") for factor in "BA")
            if up is not None and down is not None:
                scale = 1.0 if self.lora.alpha is None else self.lora.alpha / self.lora.rank
                tensor = tensor.float() + scale * (up.float() @ down.float())
        if tensor.shape != self.shapes[name]:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(self.shapes[name])}"
            raise CheckpointError(f"{self.files.folder}: {name} has shape {shapes}")
        return tensor

    def _saved(self, name: str) -> torch.Tensor | None:
        """What the run saved of it, unless that is in few bits."""
        for part in self.parts:
            saved = self.saved.get(f"{part}/{name}")
            if saved is not None and saved.dtype.is_floating_point:
                return self.files.whole(f"{part}/{name}", saved)
        return None

    def _frozen(self, module: str, leaf: str) -> torch.Tensor:
        """A weight that the run did not train: under an adapter, or only where the run began."""
        name = f"{module}.{leaf}"
        if (tensor := self._saved(f"{module}.base_layer.{leaf}")) is not None:
            return tensor
        if leaf == "table":
            side, width = math.isqrt(self.shapes[name][0]), self.shapes[name][1]
            return sincos_table(width, side)
        file = self._began.get(unified_name(name))
        if file is None:
            raise CheckpointError(f"{self.files.folder}: {name} is neither in it nor where the run began")
        tensor = file.get_tensor(unified_name(name))
        tensor = (tensor.flatten(1) if tensor.ndim == 4 else tensor).to(self.dtype)
        if self.lora is not None and is_quantized(name):
            return as_held(tensor, self.lora.quantize)
        return tensor

    def _open(self, folder: Path) -> dict[str, Any]:
        """The file that holds it, by the reference's name of each weight."""
        found: dict[str, Any] = {}
        for path in weight_files(folder):
            file = self._stack.enter_context(safe_open(path, framework="pt"))
            found |= dict.fromkeys(file.keys(), file)
        return found


def _groups(sizes: dict[str, int], most_bytes: int) -> Iterator[list[str]]:
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


def _write_surroundings(parts: RunParts, folder: Path) -> None:
    """Everything but the weights."""
    write_config(parts.config, folder)
    parts.tokenizer.save(folder)
    parts.settings.save(folder)
    partial = folder / ".ae.safetensors.partial"
    shutil.copyfile(parts.folder / "ae.safetensors", partial)
    put_in_place(partial, folder / "ae.safetensors")


def _check_model(state: Path, config: ModelConfig) -> None:
    identity = read_json(state / PLAIN).get("identity")
    model = identity.get("model") if isinstance(identity, dict) else None
    if model != json.loads(json.dumps(asdict(config))):
        raise CheckpointError(
            f"{state} is of another model than the recipe describes: has what it begins from changed?"
        )
