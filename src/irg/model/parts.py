"""The parts of the unified model, and which part a parameter belongs to.

Every trainable parameter is in exactly one part. The autoencoder is a model of its own, and the position
tables are fixed, no parameters at all.
"""

import re
from collections.abc import Collection
from enum import StrEnum

from torch import nn


class ModelPart(StrEnum):
    """What can be frozen, trained, counted and priced by itself."""

    VISION = "vision"
    """The vision tower, its learned positions included."""
    CONNECTOR = "connector"
    """The two layers from the tower's width to the decoder's."""
    UNDERSTANDING = "understanding"
    """The understanding experts of all layers, and their final norm, without embeddings and head."""
    GENERATION = "generation"
    """The generation experts of all layers, and their final norm."""
    EMBEDDINGS = "embeddings"
    """The token embeddings."""
    HEAD = "head"
    """The language head."""
    LATENTS = "latents"
    """The layers that read and write latents, and the timestep's embedding."""


_PATTERNS = {
    ModelPart.VISION: r"vision\..*",
    ModelPart.CONNECTOR: r"connector\..*",
    ModelPart.UNDERSTANDING: r"decoder\.(layers\.\d+\.understanding\.|understanding_norm\.).*",
    ModelPart.GENERATION: r"decoder\.(layers\.\d+\.generation\.|generation_norm\.).*",
    ModelPart.EMBEDDINGS: r"decoder\.embedding\..*",
    ModelPart.HEAD: r"decoder\.head\..*",
    ModelPart.LATENTS: r"(latent_in|latent_out|timestep)\..*",
}

_EDGES = (ModelPart.EMBEDDINGS, ModelPart.HEAD, ModelPart.LATENTS)
_VISION_EDGES = ("vision.patch_embedding", "vision.position_embedding")


def plain_name(name: str) -> str:
    """A parameter's name in `UnifiedModel`, whether it was met there or in a module around it."""
    return name.replace("_orig_mod.", "").removeprefix("model.")


def part_of(name: str) -> ModelPart:
    """The part of the parameter `name`; adapters belong to the part that they adapt."""
    plain = plain_name(name)
    for part, pattern in _PATTERNS.items():
        if re.fullmatch(pattern, plain):
            return part
    raise ValueError(f"parameter {name!r} is in no part of the unified model")


def is_hidden(name: str) -> bool:
    """Whether a matrix of that name is a map between hidden states.

    Embeddings, heads and the layers at the model's edges are none; orthogonalised updates (Muon) suit them
    badly.
    """
    return part_of(name) not in _EDGES and not plain_name(name).startswith(_VISION_EDGES)


def freeze(model: nn.Module, parts: Collection[ModelPart]) -> None:
    """Take parts out of training; what is frozen already stays so. ValueError where nothing would be left."""
    for name, parameter in model.named_parameters():
        if part_of(name) in parts:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(f"with {', '.join(sorted(parts))} frozen, nothing is left to train")
