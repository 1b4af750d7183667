import copy
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

from irg.model.parts import ModelPart, freeze
from irg.run.optimizers import OptimizerKind, Optimizers, OptimizerSettings, split_parameters
from tests.run.sharded_steps import MESHES, SETTINGS, UNUSED, compare, fresh, set_gradients

MATRIX_RATE, RATE = 5e-3, 3e-3
MUON = OptimizerSettings(kind=OptimizerKind.MUON, rate=RATE, matrix_rate=MATRIX_RATE)


def names(model: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    wanted = {id(parameter) for parameter in parameters}
    return {name for name, parameter in model.named_parameters() if id(parameter) in wanted}


def run(model: nn.Module, optimizers: Optimizers, steps: range) -> None:
    for step in steps:
        set_gradients(model, step)
        optimizers.step(1.0)
        optimizers.zero_grad()


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_defaults_are_the_papers() -> None:
    (member,) = Optimizers(fresh(), OptimizerSettings()).members
    assert isinstance(member, torch.optim.AdamW)
    group = member.param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (0.0, (0.9, 0.95), 1e-15)
    assert group["weight_decay"] == 0.0
    assert OptimizerSettings().rate == 2e-5


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_parameter_is_in_exactly_one_optimizer(settings: OptimizerSettings) -> None:
    model = fresh()
    held = [id(one) for one in Optimizers(model, settings).parameters]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters())


def test_muon_gets_the_matrices_inside_the_transformers() -> None:
    model = fresh()
    hidden, other = split_parameters(model)
    edges = {"decoder.embedding", "decoder.head", "latent_in", "latent_out", "timestep.up", "timestep.down"}
    edges |= {"vision.patch_embedding", "vision.position_embedding"}
    matrices = {name for name, parameter in model.named_parameters() if parameter.ndim == 2}
    assert names(model, hidden) == matrices - {f"{edge}.weight" for edge in edges}
    assert {f"{edge}.weight" for edge in edges} <= names(model, other)


def test_frozen_parameters_are_in_none() -> None:
    model = fresh()
    freeze(model, [ModelPart.VISION])
    hidden, other = split_parameters(model)
    assert not any(name.startswith("vision.") for name in names(model, hidden + other))
    before = copy.deepcopy(model.vision)
    run(model, Optimizers(model, MUON), range(1, 3))
    assert same(before, model.vision)


def test_where_only_edges_are_trained_muon_has_nothing_to_do() -> None:
    model = fresh()
    freeze(model, [ModelPart.VISION, ModelPart.CONNECTOR, ModelPart.UNDERSTANDING, ModelPart.GENERATION])
    (member,) = Optimizers(model, MUON).members
    assert isinstance(member, torch.optim.AdamW)


def test_nothing_to_train_is_an_error() -> None:
    with pytest.raises(ValueError, match="all parameters are frozen"):
        Optimizers(fresh().requires_grad_(False), MUON)


def test_both_step_with_their_own_rate_times_the_factor() -> None:
    model = fresh()
    optimizers = Optimizers(model, MUON)
    for factor in (0.5, 1.0):
        set_gradients(model, 1)
        optimizers.step(factor)
        rates = [group["lr"] for member in optimizers.members for group in member.param_groups]
        assert rates == [MATRIX_RATE * factor, RATE * factor]
    optimizers.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_making_the_state_and_a_factor_of_zero_change_nothing(settings: OptimizerSettings) -> None:
    model = fresh()
    before = copy.deepcopy(model)
    optimizers = Optimizers(model, settings)
    assert all(parameter.grad is None for parameter in model.parameters())
    set_gradients(model, 1)
    optimizers.step(0.0)
    assert same(before, model)
    optimizers.step(1.0)
    assert not any(torch.equal(one, model.get_parameter(name)) for name, one in before.named_parameters())


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_parameter_without_a_gradient_stays_and_starts_afresh_later(settings: OptimizerSettings) -> None:
    """As if the step without its gradient had never been."""
    model, never = fresh(), fresh()
    optimizers = Optimizers(model, settings)
    run(model, optimizers, range(1))
    assert same(never.vision, model.vision) and not same(never.decoder, model.decoder)
    run(model, optimizers, range(1, 2))
    run(never, Optimizers(never, settings), range(1, 2))
    assert same(never.vision, model.vision) and not same(never.decoder, model.decoder)


def test_the_first_step_of_adamw_is_the_gradients_sign() -> None:
    model = fresh()
    before = copy.deepcopy(model)
    optimizers = Optimizers(model, OptimizerSettings(rate=RATE))
    set_gradients(model, 1)
    optimizers.step(1.0)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        expected = before.get_parameter(name) - RATE * parameter.grad.sign()
        assert torch.allclose(parameter, expected, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_state_survives_a_file_and_training_goes_on_the_same(
    settings: OptimizerSettings, tmp_path: Path
) -> None:
    """Saved after a step in which a part had no gradient, and loaded into optimizers that made no step."""
    model = fresh()
    optimizers = Optimizers(model, settings)
    run(model, optimizers, range(1))
    twin, forgetful = copy.deepcopy(model), copy.deepcopy(model)
    resumed = Optimizers(twin, settings)
    state_dict_saver.save(
        {"optimizer": get_optimizer_state_dict(model, tuple(optimizers.members))},
        checkpoint_id=tmp_path,
        no_dist=True,
    )
    state = {"optimizer": get_optimizer_state_dict(twin, tuple(resumed.members))}
    state_dict_loader.load(state, checkpoint_id=tmp_path, no_dist=True)
    set_optimizer_state_dict(twin, tuple(resumed.members), state["optimizer"])
    for one, using in ((model, optimizers), (twin, resumed), (forgetful, Optimizers(forgetful, settings))):
        run(one, using, range(1, 3))
    assert same(model, twin)
    assert not same(model.decoder, forgetful.decoder)


def test_sharded_parameters_move_like_whole_ones(tmp_path: Path) -> None:
    found = compare(tmp_path)
    assert found[0] == found[1]
    for layout in MESHES:
        assert found[0][f"adamw {layout}"] == 0
        assert found[0][f"muon {layout}"] == 0
    # A shard's blocks of 8-bit values begin elsewhere than the whole parameter's.
    assert found[0]["adamw8bit replicated"] == 0
    assert 0 < found[0]["adamw8bit sharded"] < 1e-2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "muon"}, "muon needs it"),
        ({"matrix_rate": 0.1}, "no other takes it"),
        ({"stochastic_rounding": True}, "adamw has none"),
        ({"betas": [0.9, 1.0]}, "expected two numbers from 0 to 1"),
        ({"rate": 0}, "greater than 0"),
        ({"kind": "sgd"}, "'adamw', 'adamw8bit' or 'muon'"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OptimizerSettings.model_validate({"rate": 1e-3, **wrong})


def test_the_part_without_gradients_is_one() -> None:
    assert any(name.startswith(UNUSED) for name, _ in fresh().named_parameters())
