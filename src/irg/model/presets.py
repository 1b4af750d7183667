"""Models of random weights in the sizes that are measured, with nothing to download."""

from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from irg.model.config import (
    AutoencoderConfig,
    DecoderConfig,
    ModelConfig,
    VisionConfig,
    bagel_7b,
    embedded,
    tiny,
)
from irg.model.embeddings import reset_positions
from irg.model.unified import UnifiedModel, skeleton

Module = TypeVar("Module", bound=nn.Module)


def mid() -> ModelConfig:
    """186 million parameters: for comparisons between CPUs."""
    return ModelConfig(
        DecoderConfig(768, 10, 12, 4, 2048, 8192),
        VisionConfig(384, 9, 6, 1536, patch=14, side=70),
        AutoencoderConfig("kl", (64, 128, 256, 256), 2, 16, scale=0.3611, shift=0.1159),
    )


PRESETS = {"bagel_7b": bagel_7b(), "mid": mid(), "embedded": embedded(2048), "tiny": tiny()}


def cut(preset: str, layers: int | None, vision_layers: int | None) -> ModelConfig:
    """A preset with so many layers (None: all). Raises ValueError where there is nothing to cut."""
    config = PRESETS[preset]
    decoder, vision = config.decoder, config.vision
    return replace(
        config,
        decoder=replace(decoder, num_layers=_cut("layers", layers, decoder.num_layers)),
        vision=replace(vision, num_layers=_cut("vision layers", vision_layers, vision.num_layers)),
    )


def _cut(what: str, wanted: int | None, available: int) -> int:
    if wanted is not None and not 0 < wanted <= available:
        raise ValueError(f"{wanted} {what}: the preset has 1 to {available}")
    return available if wanted is None else wanted


def random_model(config: ModelConfig, device: torch.device, dtype: torch.dtype) -> UnifiedModel:
    """Weights of that type, and exact position tables."""
    model = randomised(skeleton(config).to(dtype), device)
    reset_positions(model)
    return model


def randomised(module: Module, device: torch.device) -> Module:
    """A module without memory, given ordinary weights: zeros would draw less power, and a GPU would run
    faster than it does in earnest."""
    module.to_empty(device=device)
    generator = torch.Generator(device).manual_seed(0)
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02, generator=generator)
        else:
            nn.init.constant_(parameter, 1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return module
