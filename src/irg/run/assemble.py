"""What a run is made of: model, autoencoder, tokenizer and settings, from a recipe."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from irg.model import Autoencoder, ModelConfig, UnifiedModel, embedded, tiny
from irg.model.adapters import adapt
from irg.model.checkpoint import CheckpointFolder
from irg.model.embeddings import reset_positions
from irg.model.low_bit import Quantize
from irg.model.parts import freeze
from irg.model.unified import skeleton
from irg.pipeline import Settings
from irg.prep import Tokenizer
from irg.run.losses import ModelLosses
from irg.run.model_recipe import ModelRecipe
from irg.run.parallel import Layout, lay_out

PRESETS = {"tiny": tiny, "embedded": embedded}


@dataclass(frozen=True, eq=False)
class RunParts:
    """Everything of a run but the model's weights."""

    config: ModelConfig
    tokenizer: Tokenizer
    settings: Settings
    folder: CheckpointFolder
    """Where the tokenizer and the autoencoder are."""

    def autoencoder(self, device: torch.device, dtype: torch.dtype) -> Autoencoder:
        return self.folder.load_autoencoder(device, dtype).requires_grad_(False)


def parts_of(recipe: ModelRecipe, weights: bool = True) -> RunParts:
    """Resolve the recipe's folders. Raises ValueError where they don't fit together.

    Without `weights` none are downloaded: enough to plan a run, not to begin it.
    """
    init = CheckpointFolder.find(recipe.init, weights) if recipe.init is not None else None
    folder = CheckpointFolder.find(recipe.parts, weights) if recipe.parts is not None else init
    assert folder is not None, "a recipe names init or parts"
    tokenizer, autoencoder = Tokenizer.from_folder(folder.path), folder.autoencoder_config
    if init is None:
        config = replace(PRESETS[recipe.preset](tokenizer.size), autoencoder=autoencoder)
    else:
        config = init.config
        if config.autoencoder != autoencoder:
            raise ValueError(f"{init} was trained with another autoencoder than that of {folder}")
    if tokenizer.size > config.decoder.vocabulary:
        raise ValueError(
            f"the tokenizer of {folder} has {tokenizer.size} tokens, "
            f"the model of {init} only {config.decoder.vocabulary}"
        )
    began = Settings.of(init or folder)
    began = began.model_copy(update={"scores": {}})  # those of other weights
    return RunParts(config, tokenizer, began.changed_by(recipe.settings or {}), folder)


def build(recipe: ModelRecipe, config: ModelConfig, layout: Layout) -> ModelLosses:
    """The model with its first weights, frozen, adapted and laid out as the recipe says.

    A checkpoint that several processes will share is never whole in any of them.
    """
    spread = recipe.init is not None and layout.world > 1 and recipe.lora is None
    objective = ModelLosses(skeleton(config).train()) if spread else _whole(recipe, config)
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
        CheckpointFolder.find(recipe.init).fill(objective.model, layout.device, recipe.parallel.master.dtype)
        reset_positions(objective.model)
    return objective


def _whole(recipe: ModelRecipe, config: ModelConfig) -> ModelLosses:
    if recipe.init is not None:
        model = CheckpointFolder.find(recipe.init).load_model(dtype=recipe.parallel.master.dtype)
    else:
        model = UnifiedModel(config)
        initialise(model, torch.Generator().manual_seed(recipe.seed))
        model = model.to(recipe.parallel.master.dtype)
    reset_positions(model)
    return ModelLosses(model.train())


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
