"""Which part of the model a parameter belongs to."""

import pytest

from irg.model import ModelConfig, UnifiedModel
from irg.model.parts import ModelPart, is_hidden, part_of, plain_name
from irg.model.unified import skeleton


@pytest.fixture
def fresh(config: ModelConfig) -> UnifiedModel:
    return skeleton(config)


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


def test_matrices_at_the_edges_are_no_maps_between_hidden_states() -> None:
    assert is_hidden("decoder.layers.0.generation.query.weight") and is_hidden("vision.layers.0.up.weight")
    edges = ("decoder.embedding", "decoder.head", "latent_out", "timestep.up", "vision.patch_embedding")
    assert not any(is_hidden(f"{name}.weight") for name in edges)


def test_a_parameter_keeps_its_part_in_the_modules_around_it() -> None:
    assert plain_name("model._orig_mod.decoder.head.weight") == "decoder.head.weight"
    assert part_of("model._orig_mod.decoder.head.weight") is ModelPart.HEAD
    adapter = "decoder.layers.1.generation.up.lora_A.default.weight"
    assert part_of(adapter) is ModelPart.GENERATION
    with pytest.raises(ValueError, match=r"'decoder\.rest\.weight' is in no part"):
        part_of("decoder.rest.weight")
