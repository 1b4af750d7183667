"""Which part of the model a parameter belongs to."""

import pytest
import torch

from irg.model import ModelConfig, UnifiedModel
from irg.model.parts import ModelPart, is_hidden, part_of, plain_name


@pytest.fixture
def fresh(config: ModelConfig) -> UnifiedModel:
    with torch.device("meta"):
        return UnifiedModel(config)


def test_every_parameter_is_in_a_part_and_every_part_has_parameters(fresh: UnifiedModel) -> None:
    parts = {name: part_of(name) for name, _ in fresh.named_parameters()}
    assert set(parts.values()) == set(ModelPart)
    assert parts["vision.position_embedding.weight"] is ModelPart.VISION
    assert parts["decoder.understanding_norm.weight"] is ModelPart.UNDERSTANDING
    assert parts["decoder.layers.2.generation.query_norm.weight"] is ModelPart.GENERATION
    assert parts["timestep.up.weight"] is ModelPart.LATENTS


def test_position_tables_are_no_parameters(fresh: UnifiedModel) -> None:
    names = {name for name, _ in fresh.named_parameters()}
    assert not any("positions" in name for name in names)
    assert {name for name, _ in fresh.named_buffers()} == {"view_positions.table", "latent_positions.table"}


def test_a_parameter_keeps_its_part_in_the_modules_around_it() -> None:
    assert plain_name("model._orig_mod.decoder.head.weight") == "decoder.head.weight"
    assert part_of("model._orig_mod.decoder.head.weight") is ModelPart.HEAD
    adapter = "decoder.layers.1.generation.up.lora_A.default.weight"
    assert part_of(adapter) is ModelPart.GENERATION
    with pytest.raises(ValueError, match=r"'decoder\.rest\.weight' is in no part"):
        part_of("decoder.rest.weight")


def test_hidden_matrices_are_those_between_hidden_states(fresh: UnifiedModel) -> None:
    hidden = {name for name, one in fresh.named_parameters() if one.ndim == 2 and is_hidden(name)}
    assert "decoder.layers.0.understanding.query.weight" in hidden and "connector.up.weight" in hidden
    assert "vision.layers.0.up.weight" in hidden
    edges = ("decoder.embedding", "decoder.head", "latent_", "timestep", "vision.patch", "vision.position")
    assert not any(name.startswith(edges) for name in hidden)
