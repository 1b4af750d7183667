import copy

import pytest
import torch
from torch import nn

from irg.core import Document, Kind, SpecialTokens, pack
from irg.model import ModelConfig, PaddedAttend, UnifiedModel
from irg.model.parts import ModelPart, part_of
from irg.run.freezing import freeze
from irg.run.losses import ModelLosses
from tests.samples import Sampler


@pytest.fixture
def fresh(config: ModelConfig) -> UnifiedModel:
    with torch.device("meta"):
        return UnifiedModel(config)


def trained(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_parts_are_frozen_and_nothing_else_is(fresh: UnifiedModel) -> None:
    everything = trained(fresh)
    freeze(fresh, ["vision", "understanding"])
    assert everything - trained(fresh) == {
        name for name in everything if part_of(name) in (ModelPart.VISION, ModelPart.UNDERSTANDING)
    }
    freeze(fresh, ["head"])
    assert {part_of(name) for name in trained(fresh)} == {
        ModelPart.CONNECTOR,
        ModelPart.GENERATION,
        ModelPart.EMBEDDINGS,
        ModelPart.LATENTS,
    }


def test_parts_are_found_in_a_module_around_the_model(fresh: UnifiedModel) -> None:
    freeze(ModelLosses(fresh), ["generation"])
    assert {part_of(name) for name in trained(ModelLosses(fresh))} == set(ModelPart) - {ModelPart.GENERATION}


def test_an_unknown_part_is_named_and_all_are_listed(fresh: UnifiedModel) -> None:
    with pytest.raises(ValueError, match=r"no part 'vit' to freeze, expected some of vision, .*latents"):
        freeze(fresh, ["vit"])


def test_freezing_everything_is_refused(fresh: UnifiedModel) -> None:
    with pytest.raises(ValueError, match="nothing is left to train"):
        freeze(fresh, list(ModelPart))


def test_a_parameter_of_no_part_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'0\.weight' is in no part"):
        freeze(nn.Sequential(nn.Linear(2, 2)), ["head"])


def test_gradients_go_through_frozen_parts_but_not_into_them(
    model: UnifiedModel, sampler: Sampler, special: SpecialTokens
) -> None:
    twin = copy.deepcopy(model).requires_grad_(True)
    freeze(twin, ["generation", "vision"])
    packed = pack([Document((sampler.image(Kind.VIEW, 2, 2), sampler.image(Kind.NOISY, 2, 2)))], special)
    twin.velocity(packed, PaddedAttend(packed)).square().sum().backward()
    reached = {part_of(name) for name, one in twin.named_parameters() if one.grad is not None}
    assert reached == {ModelPart.CONNECTOR, ModelPart.UNDERSTANDING, ModelPart.EMBEDDINGS, ModelPart.LATENTS}
