"""From a run's checkpoint to a checkpoint folder that everything else loads: the reference's layout.

One process reads it, whatever wrote it, and holds one file's worth of weights at a time. No GPU is needed.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import torch

from irg.core.output import refuse_to_replace, replaced
from irg.model import ModelConfig
from irg.model.adapter_file import write_adapters
from irg.model.adapters import merged
from irg.model.checkpoint import CheckpointError, CheckpointFolder
from irg.model.embeddings import sincos_table
from irg.model.low_bit import as_held, is_quantized
from irg.model.unified import skeleton
from irg.run.assemble import RunParts, parts_of
from irg.run.model_recipe import ModelRecipe
from irg.run.saved import PLAIN, Files, read_index, read_json, step_folder, steps_in

_FILES = {torch.bfloat16: "ema_bf16.safetensors", torch.float32: "ema.safetensors"}
"""The reference's names, which it uses for whichever weights they hold."""
EXPORT, ADAPTERS = "checkpoint", "adapters"
"""The kinds of folders that exports are."""
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
    file: str | None = None
    """A name of the reference for one file of all weights; None: named by type, split where it is long."""


def export_run(recipe: ModelRecipe, states: Path, out: Path, choice: Choice) -> Path:
    """Write the checkpoint folder `out` from the training checkpoints in `states`; replaces an earlier one.

    Adapters are merged into the weights. Raises ValueError where `out` holds anything else, or what the run
    began from, and CheckpointError where the training checkpoint is missing, damaged, or of another model.
    """
    if choice.dtype not in _FILES:
        raise ValueError(f"export as {choice.dtype}: expected one of {', '.join(map(str, _FILES))}")
    if choice.file not in (None, *_FILES.values()):
        raise ValueError(f"weights named {choice.file}: expected one of {', '.join(_FILES.values())}")
    file, most_bytes = (choice.file, None) if choice.file else (_FILES[choice.dtype], MOST_BYTES)
    keep = [states, *read_from(recipe)]
    refuse_to_replace(out, EXPORT, keep)
    parts, state = parts_of(recipe), step_folder(states, choice.step)
    _check_model(state, parts.config)
    with replaced(out, EXPORT, keep) as partial:
        folder = CheckpointFolder(partial)
        _write_surroundings(parts, folder)
        with _Source(recipe, parts.config, state, choice.weights) as source:
            sizes = {name: shape.numel() * choice.dtype.itemsize for name, shape in source.shapes.items()}
            folder.write_model(file, sizes, lambda name: source[name].to(choice.dtype), most_bytes)
    return out


def export_adapters(recipe: ModelRecipe, states: Path, out: Path, choice: Choice) -> Path:
    """Write the folder `out` of a run's adapters alone, which is loaded as the checkpoint with them; replaces
    an earlier one. Raises as `export_run` does, and ValueError for a run that has none."""
    if recipe.lora is None or recipe.init is None:
        raise ValueError(f"the run in {recipe.out} trained no adapters: export it whole")
    if CheckpointFolder.find(recipe.init, weights=False).adapters is not None:
        raise ValueError(f"the run began with adapters, {recipe.init}: export it whole")
    keep = [states, *read_from(recipe)]
    refuse_to_replace(out, ADAPTERS, keep)
    parts, state = parts_of(recipe, weights=False), step_folder(states, choice.step)
    _check_model(state, parts.config)
    with replaced(out, ADAPTERS, keep) as partial:
        with _Source(recipe, parts.config, state, choice.weights) as source:
            factors = {
                name: (down.to(choice.dtype), up.to(choice.dtype)) for name, (down, up) in source.factors()
            }
        base = recipe.init if not Path(recipe.init).exists() else str(Path(recipe.init).resolve())
        write_adapters(partial, factors, recipe.lora.scale, base)
        parts.settings.save(partial)
    return out


def read_from(recipe: ModelRecipe) -> list[Path]:
    """The folders that a run begins from, as far as they lie on this machine."""
    return [Path(one) for one in (recipe.init, recipe.parts) if one is not None]


def newest(states: Path) -> int:
    """The last step of which there is a training checkpoint."""
    if not (steps := steps_in(states)):
        raise CheckpointError(f"{states} holds no checkpoint of training")
    return steps[-1]


class _Source:
    """The weights of a plain model by name, one at a time, from a training checkpoint and what it began from.

    A context manager: the files stay open in between.
    """

    def __init__(self, recipe: ModelRecipe, config: ModelConfig, state: Path, weights: Weights) -> None:
        self.files, self.saved = Files(state), read_index(state)
        self.parts = ("ema", "model") if weights is Weights.EMA else ("model",)
        self.lora = recipe.lora
        self.dtype = recipe.parallel.master.dtype
        self.shapes = {name: one.shape for name, one in skeleton(config).state_dict().items()}
        self._stack = ExitStack()
        self._stack.enter_context(self.files)
        self._began: Callable[[str], torch.Tensor | None] = lambda _: None
        if recipe.init is not None:
            self._began = self._stack.enter_context(CheckpointFolder.find(recipe.init).opened())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> torch.Tensor:
        """The weight on the CPU. Raises CheckpointError where it is nowhere, or has another shape."""
        scale = self.lora.scale if self.lora is not None else 1.0
        tensor = merged(name, self._found, scale)
        if tensor is None:
            raise CheckpointError(f"{self.files.folder}: {name} is neither in it nor where the run began")
        if tensor.shape != self.shapes[name]:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(self.shapes[name])}"
            raise CheckpointError(f"{self.files.folder}: {name} has shape {shapes}")
        return tensor

    def factors(self) -> Iterator[tuple[str, tuple[torch.Tensor, torch.Tensor]]]:
        """The adapters' two factors, A and B, by the names of the weights that they are added to."""
        for name in self.shapes:
            module = name.removesuffix(".weight")
            down, up = (self._saved(f"{module}.lora_{factor}.default.weight") for factor in "AB")
            if down is not None and up is not None:
                yield name, (down, up)

    def _saved(self, name: str) -> torch.Tensor | None:
        """What the run saved of it, unless that is in few bits."""
        for part in self.parts:
            saved = self.saved.get(f"{part}/{name}")
            if saved is not None and saved.dtype.is_floating_point:
                return self.files.whole(f"{part}/{name}", saved)
        return None

    def _found(self, name: str) -> torch.Tensor | None:
        """A tensor of the run's model; what was not trained may be only where the run began."""
        tensor = self._saved(name)
        if tensor is None and ".base_layer." in name:
            return self._frozen(name.replace(".base_layer.", "."))
        return tensor

    def _frozen(self, name: str) -> torch.Tensor | None:
        if name.endswith(".table"):
            side, width = math.isqrt(self.shapes[name][0]), self.shapes[name][1]
            return sincos_table(width, side)
        tensor = self._began(name)
        if tensor is None:
            return None
        tensor = tensor.to(self.dtype)
        if self.lora is not None and is_quantized(name):
            return as_held(tensor, self.lora.quantize)
        return tensor


def _write_surroundings(parts: RunParts, folder: CheckpointFolder) -> None:
    """Everything but the weights, with all that other programs look for beside a tokenizer."""
    folder.copy_small(parts.folder)
    folder.write_config(parts.config)
    parts.tokenizer.save(folder.path)
    parts.settings.save(folder.path)
    folder.copy_autoencoder(parts.folder)


def _check_model(state: Path, config: ModelConfig) -> None:
    identity = read_json(state / PLAIN).get("identity")
    model = identity.get("model") if isinstance(identity, dict) else None
    if model != json.loads(json.dumps(asdict(config))):
        raise CheckpointError(
            f"{state} is of another model than the recipe describes: has what it begins from changed?"
        )
