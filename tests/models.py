"""What tests do with whole models: states in row order, checkpoints on disk, adapters merged."""

from collections.abc import Mapping
from pathlib import Path

import torch
from peft.tuners.lora import LoraLayer

from irg.core import Packed
from irg.model import Streams, UnifiedModel
from irg.model.adapters import merged
from irg.model.checkpoint import CheckpointFolder
from irg.model.low_bit import decoded
from irg.model.unified import skeleton


def in_row_order(streams: Streams, packed: Packed) -> torch.Tensor:
    """[T, D], both streams put back at their places in the row."""
    order = torch.cat([packed.understanding_index_U, packed.latent_index_M])
    row = torch.empty_like(torch.cat([streams.understanding_UD, streams.generation_MD]))
    row[order] = torch.cat([streams.understanding_UD, streams.generation_MD])
    return row


def save_model(
    model: UnifiedModel, folder: Path, file: str = "ema.safetensors", most_bytes: int | None = None
) -> None:
    """Write sizes and weights, in shards with an index above `most_bytes`."""
    state = model.state_dict()
    sizes = {name: value.nbytes for name, value in state.items()}
    CheckpointFolder(folder).write_config(model.config)
    CheckpointFolder(folder).write_model(file, sizes, lambda name: state[name].detach(), most_bytes)


def merge(
    model: UnifiedModel,
    values: Mapping[str, torch.Tensor] | None = None,
    dtype: torch.dtype | None = None,
) -> dict[str, torch.Tensor]:
    """The state of a plain model that does what the adapted one does, in `dtype` (None: the model's own).

    `values` replace parameters by the names that they have in `model`, such as averaged adapters.
    """
    held = {**dict(model.named_parameters()), **dict(model.named_buffers()), **(values or {})}
    scale = next((layer.scaling["default"] for layer in model.modules() if isinstance(layer, LoraLayer)), 1.0)

    def find(name: str) -> torch.Tensor | None:
        return decoded(held[name]).detach() if name in held else None

    state = {}
    for name in skeleton(model.config).state_dict():
        tensor = merged(name, find, scale)
        assert tensor is not None, name
        state[name] = tensor.to(dtype or model.dtype).clone()
    return state
