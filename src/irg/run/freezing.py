"""Freezing by part. The autoencoder is always frozen: no unified run trains it."""

from collections.abc import Collection

from torch import nn

from irg.model.parts import ModelPart, part_of


def parse_parts(names: Collection[str]) -> frozenset[ModelPart]:
    """The parts of these names. Raises ValueError for a name that is none, listing all."""
    unknown = sorted(set(names) - set(ModelPart))
    if unknown:
        names_given = ", ".join(map(repr, unknown))
        raise ValueError(f"no part {names_given} to freeze, expected some of {', '.join(ModelPart)}")
    return frozenset(ModelPart(name) for name in names)


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
