import pytest

from irg.model import ModelConfig, UnifiedModel
from irg.model.parts import ModelPart, is_hidden, part_of
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
