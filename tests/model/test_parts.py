"""Which part of the model a parameter belongs to, and training without some."""

import copy

import pytest
from torch import nn

from irg.core import Document, Kind, SpecialTokens, pack
from irg.model import ModelConfig, PaddedAttend, UnifiedModel
from irg.model.parts import ModelPart, freeze, is_hidden, part_of, plain_name
from irg.model.unified import skeleton
from irg.run.losses import ModelLosses
from tests.samples import Sampler


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


def trained(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_parts_are_frozen_and_nothing_else_is(fresh: UnifiedModel) -> None:
    everything = trained(fresh)
    freeze(fresh, [ModelPart.VISION, ModelPart.UNDERSTANDING])
    assert everything - trained(fresh) == {
        name for name in everything if part_of(name) in (ModelPart.VISION, ModelPart.UNDERSTANDING)
    }
    freeze(fresh, [ModelPart.HEAD])
    assert {part_of(name) for name in trained(fresh)} == {
        ModelPart.CONNECTOR,
        ModelPart.GENERATION,
        ModelPart.EMBEDDINGS,
        ModelPart.LATENTS,
    }


def test_parts_are_found_in_a_module_around_the_model(fresh: UnifiedModel) -> None:
    freeze(ModelLosses(fresh), [ModelPart.GENERATION])
    assert {part_of(name) for name in trained(ModelLosses(fresh))} == set(ModelPart) - {ModelPart.GENERATION}


def test_freezing_everything_is_refused(fresh: UnifiedModel) -> None:
    with pytest.raises(ValueError, match="nothing is left to train"):
        freeze(fresh, list(ModelPart))


def test_a_parameter_of_no_part_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'0\.weight' is in no part"):
        freeze(nn.Sequential(nn.Linear(2, 2)), [ModelPart.HEAD])


def test_gradients_go_through_frozen_parts_but_not_into_them(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    twin = copy.deepcopy(model).requires_grad_(True)
    freeze(twin, [ModelPart.GENERATION, ModelPart.VISION])
    packed = pack([Document((sampler.image(Kind.VIEW, 2, 2), sampler.image(Kind.NOISY, 2, 2)))], special)
    twin.velocity(packed, PaddedAttend(packed)).square().sum().backward()
    reached = {part_of(name) for name, one in twin.named_parameters() if one.grad is not None}
    assert reached == {ModelPart.CONNECTOR, ModelPart.UNDERSTANDING, ModelPart.EMBEDDINGS, ModelPart.LATENTS}
