import copy

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from irg.model import UnifiedModel
from irg.train.optimizers import OptimizerPair, split_parameters
from tests.data.small import random_model

MATRIX_RATE, OTHER_RATE = 5e-3, 3e-3


@pytest.fixture
def small_model() -> UnifiedModel:
    return random_model()


def pair(model: nn.Module) -> OptimizerPair:
    return OptimizerPair(model, MATRIX_RATE, OTHER_RATE)


def set_gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def names(model: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    wanted = {id(parameter) for parameter in parameters}
    return {name for name, parameter in model.named_parameters() if id(parameter) in wanted}


def test_every_parameter_is_in_exactly_one_optimizer(small_model: UnifiedModel) -> None:
    members = pair(small_model).members
    held = [id(one) for member in members for group in member.param_groups for one in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in small_model.parameters())
    assert isinstance(members[0], torch.optim.Muon) and isinstance(members[1], torch.optim.AdamW)


def test_muon_gets_the_matrices_inside_the_transformers(small_model: UnifiedModel) -> None:
    hidden, other = split_parameters(small_model)
    inside = ("decoder.layers.", "vision.layers.", "connector.")
    expected = {
        name
        for name, parameter in small_model.named_parameters()
        if parameter.ndim == 2 and name.startswith(inside)
    }
    assert names(small_model, hidden) == expected
    for expert in ("understanding", "generation"):
        for matrix in ("query", "key", "value", "output", "gate", "up", "down"):
            assert f"decoder.layers.1.{expert}.{matrix}.weight" in expected
    edges = {"decoder.embedding", "decoder.head", "latent_in", "latent_out", "timestep.up", "timestep.down"}
    edges |= {"vision.patch_embedding", "vision.position_embedding"}
    assert {f"{edge}.weight" for edge in edges} <= names(small_model, other)


def test_frozen_parameters_are_in_neither(small_model: UnifiedModel) -> None:
    small_model.vision.requires_grad_(False)
    hidden, other = split_parameters(small_model)
    assert not any(name.startswith("vision.") for name in names(small_model, hidden + other))


def test_both_step_with_their_own_rate_times_the_factor(small_model: UnifiedModel) -> None:
    optimizer = pair(small_model)
    set_gradients(small_model, 0)
    optimizer.step(0.5)
    rates = [group["lr"] for member in optimizer.members for group in member.param_groups]
    assert rates == [MATRIX_RATE / 2, OTHER_RATE / 2]
    set_gradients(small_model, 1)
    optimizer.step(1.0)
    assert [member.param_groups[0]["lr"] for member in optimizer.members] == [MATRIX_RATE, OTHER_RATE]
    assert all(parameter.grad is None for parameter in small_model.parameters())


def test_a_factor_of_zero_changes_nothing_and_one_changes_everything(small_model: UnifiedModel) -> None:
    before = copy.deepcopy(small_model.state_dict())
    optimizer = pair(small_model)
    set_gradients(small_model, 0)
    optimizer.step(0.0)
    assert all(torch.equal(value, before[name]) for name, value in small_model.state_dict().items())
    set_gradients(small_model, 0)
    optimizer.step(1.0)
    changed = {name for name, value in small_model.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {name for name, _ in small_model.named_parameters()}


def test_the_first_step_of_the_others_is_adamws(small_model: UnifiedModel) -> None:
    """AdamW's first step is the rate times the gradient's sign; weights do not decay."""
    before = copy.deepcopy(small_model.state_dict())
    set_gradients(small_model, 0)
    _, other = split_parameters(small_model)
    signs = {id(parameter): parameter.grad.sign() for parameter in other if parameter.grad is not None}
    optimizer = pair(small_model)
    optimizer.step(1.0)
    for name, parameter in small_model.named_parameters():
        if id(parameter) in signs:
            expected = before[name] - OTHER_RATE * signs[id(parameter)]
            assert torch.allclose(parameter, expected, rtol=0, atol=1e-5)


def test_the_state_survives_a_file_and_training_goes_on_the_same(small_model: UnifiedModel) -> None:
    optimizer = pair(small_model)
    for seed in range(3):
        set_gradients(small_model, seed)
        optimizer.step(1.0)
    twin, forgetful = copy.deepcopy(small_model), copy.deepcopy(small_model)
    resumed = pair(twin)
    resumed.load_tensors(load(save(optimizer.tensors())).items())
    for model, using in ((small_model, optimizer), (twin, resumed), (forgetful, pair(forgetful))):
        set_gradients(model, 9)
        using.step(0.7)
    for name, value in small_model.named_parameters():
        assert torch.equal(value, twin.get_parameter(name)), name
        assert not torch.equal(value, forgetful.get_parameter(name)), name
