"""Which part of the model a parameter belongs to, and freezing by part.

Every trainable parameter of the model is in exactly one part. The autoencoder is a model of its own that no
unified run trains: it is always frozen. The position tables are fixed, no parameters at all.
"""

import re
from collections.abc import Collection
from enum import StrEnum

from torch import nn


class Part(StrEnum):
    """What can be frozen."""

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
    Part.VISION: r"vision\..*",
    Part.CONNECTOR: r"connector\..*",
    Part.UNDERSTANDING: r"decoder\.(layers\.\d+\.understanding\.|understanding_norm\.).*",
    Part.GENERATION: r"decoder\.(layers\.\d+\.generation\.|generation_norm\.).*",
    Part.EMBEDDINGS: r"decoder\.embedding\..*",
    Part.HEAD: r"decoder\.head\..*",
    Part.LATENTS: r"(latent_in|latent_out|timestep)\..*",
}

_EDGES = (Part.EMBEDDINGS, Part.HEAD, Part.LATENTS)
_VISION_EDGES = ("vision.patch_embedding", "vision.position_embedding")


def plain_name(name: str) -> str:
    """A parameter's name in `UnifiedModel`, whether it was met there or in a module around it."""
    return name.replace("_orig_mod.", "").removeprefix("model.")


def part_of(name: str) -> Part:
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


def parse_parts(names: Collection[str]) -> frozenset[Part]:
    """The parts of these names. Raises ValueError for a name that is none, listing all."""
    unknown = sorted(set(names) - set(Part))
    if unknown:
        names_given = ", ".join(map(repr, unknown))
        raise ValueError(f"no part {names_given} to freeze, expected some of {', '.join(Part)}")
    return frozenset(Part(name) for name in names)


def freeze(model: nn.Module, names: Collection[str]) -> None:
    """Take the named parts out of training; what is frozen already stays so.

    Raises ValueError for an unknown part, and where nothing would be left to train.
    """
    parts = parse_parts(names)
    for name, parameter in model.named_parameters():
        if part_of(name) in parts:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(f"with {', '.join(sorted(parts))} frozen, nothing is left to train")
