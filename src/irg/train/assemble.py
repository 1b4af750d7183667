"""What a run is made of: model, autoencoder, tokenizer and settings, from a recipe."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from irg.model import Autoencoder, ModelConfig, UnifiedModel, embedded, tiny
from irg.model.adapters import adapt
from irg.model.checkpoint import load_autoencoder, load_model, read_weights
from irg.model.config import AutoencoderConfig, read_autoencoder_config, read_config
from irg.model.low_bit import Quantize
from irg.pipeline import Settings
from irg.pipeline.load import checkpoint_folder, configuration_folder
from irg.prep import Tokenizer
from irg.run.freezing import freeze
from irg.run.losses import ModelLosses
from irg.run.parallel import Layout, Precision, lay_out
from irg.train.settings import TrainRecipe

PRESETS = {"tiny": tiny, "embedded": embedded}


@dataclass(frozen=True, eq=False)
class RunParts:
    """Everything of a run but the model's weights."""

    config: ModelConfig
    tokenizer: Tokenizer
    settings: Settings
    folder: Path
    """Where the tokenizer and the autoencoder are."""

    def autoencoder(self, device: torch.device, dtype: torch.dtype) -> Autoencoder:
        return load_autoencoder(self.folder, device, dtype).requires_grad_(False)


def parts_of(recipe: TrainRecipe, weights: bool = True) -> RunParts:
    """Resolve the recipe's folders. Raises ValueError where they don't fit together.

    Without `weights` none are downloaded: enough to plan a run, not to begin it.
    """
    resolved = checkpoint_folder if weights else configuration_folder
    init = resolved(recipe.init) if recipe.init is not None else None
    folder = resolved(recipe.parts) if recipe.parts is not None else init
    assert folder is not None, "a recipe names init or parts"
    tokenizer, autoencoder = Tokenizer.from_folder(folder), read_autoencoder_config(folder)
    if init is None:
        config = _sized(PRESETS[recipe.preset](tokenizer.size), autoencoder)
    else:
        config = read_config(init)
        if config.autoencoder != autoencoder:
            raise ValueError(f"{init} was trained with another autoencoder than that of {folder}")
    if tokenizer.size > config.decoder.vocabulary:
        raise ValueError(
            f"the tokenizer of {folder} has {tokenizer.size} tokens, "
            f"the model of {init} only {config.decoder.vocabulary}"
        )
    began = Settings.from_folder(init or folder).model_copy(update={"scores": {}})  # those of other weights
    return RunParts(config, tokenizer, began.changed_by(recipe.settings or {}), folder)


def build(recipe: TrainRecipe, config: ModelConfig, layout: Layout) -> ModelLosses:
    """The model with its first weights, frozen, adapted and laid out as the recipe says.

    A checkpoint that several processes will share is never whole in any of them.
    """
    spread = recipe.init is not None and layout.world > 1 and recipe.lora is None
    objective = _empty(config) if spread else _whole(recipe, config)
    freeze(objective.model, recipe.freeze)
    if recipe.lora is not None:
        if layout.world > 1 and recipe.lora.quantize is not Quantize.NONE:
            raise ValueError(
                "quantised weights cannot be shared by processes: run on one, or lora.quantize=none"
            )
        adapt(objective.model, recipe.lora, recipe.seed, layout.device)
    if not spread:
        objective.to(layout.device)
    lay_out(objective, objective.layers, layout, recipe.parallel)
    if spread:
        assert recipe.init is not None
        fill(objective.model, checkpoint_folder(recipe.init), layout.device, _master(recipe))
        reset_positions(objective.model)
    return objective


def _whole(recipe: TrainRecipe, config: ModelConfig) -> ModelLosses:
    if recipe.init is not None:
        model = load_model(checkpoint_folder(recipe.init), dtype=_master(recipe))
    else:
        model = UnifiedModel(config)
        initialise(model, torch.Generator().manual_seed(recipe.seed))
        model = model.to(_master(recipe))
    reset_positions(model)
    return ModelLosses(model.train())


def _empty(config: ModelConfig) -> ModelLosses:
    with torch.device("meta"):
        return ModelLosses(UnifiedModel(config).train())


def _master(recipe: TrainRecipe) -> torch.dtype:
    return torch.bfloat16 if recipe.parallel.master is Precision.BFLOAT16 else torch.float32


def fill(model: nn.Module, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
    """Read each tensor of a checkpoint, one at a time, and keep this process's part of it."""
    wanted = model.state_dict()
    state: dict[str, torch.Tensor] = {}
    for name, tensor in read_weights(folder, model):
        target = wanted[name]
        if isinstance(target, DTensor):
            state[name] = distribute_tensor(
                tensor.to(device, dtype), target.device_mesh, target.placements, src_data_rank=None
            )
        else:
            state[name] = tensor.to(device)
    model.load_state_dict(state, assign=True)


def reset_positions(model: UnifiedModel) -> None:
    """Training computes the position tables exactly; checkpoints carry them rounded."""
    for table in (model.latent_positions, model.view_positions):
        table.float()
        table.reset()


def initialise(model: UnifiedModel, generator: torch.Generator) -> None:
    """Small normal matrices; layers that write into the residual stream, and the flow head, start at zero."""
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            if not name.endswith("norm.weight"):
                nn.init.zeros_(parameter)
        elif name.endswith(("output.weight", "down.weight", "latent_out.weight")) and "timestep" not in name:
            nn.init.zeros_(parameter)
        else:
            std = 0.02 if "embedding" in name else parameter.shape[1] ** -0.5
            nn.init.normal_(parameter, std=std, generator=generator)


def _sized(config: ModelConfig, autoencoder: AutoencoderConfig) -> ModelConfig:
    return ModelConfig(config.decoder, config.vision, autoencoder, config.latent_patch, config.latent_side)
