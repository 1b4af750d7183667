import copy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from irg.cli.errors import explain
from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import ModelConfig, PaddedAttend, UnifiedModel
from irg.model.adapters import LoraSettings, adapt, num_adapter_parameters
from irg.model.checkpoint import CheckpointFolder
from irg.model.parts import ModelPart, freeze
from irg.run.losses import ModelLosses
from irg.run.optimizers import Optimizers, OptimizerSettings
from tests.models import merge, save_model
from tests.samples import Sampler

ALL = LoraSettings(rank=4, alpha=8.0)
SOME = LoraSettings.model_validate({"rank": 2, "experts": ["generation"], "projections": ["query", "down"]})
needs_bitsandbytes = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason="NF4 is bitsandbytes', which is not installed"
)
QUANTIZED = (pytest.param("nf4", marks=needs_bitsandbytes), "int8")


@pytest.fixture
def row(sampler: Sampler, special: SpecialTokens) -> Packed:
    segments = (
        sampler.text(5),
        sampler.image(Kind.CLEAN, 2, 2),
        sampler.image(Kind.VIEW, 2, 3),
        sampler.text(4, loss=True),
        sampler.image(Kind.NOISY, 2, 2, target=True),
    )
    return pack([Document(segments)], special)


def adapted(model: UnifiedModel, settings: LoraSettings) -> UnifiedModel:
    """A copy with adapters. Those of the session's model must not get into other tests."""
    twin = copy.deepcopy(model).requires_grad_(True)
    adapt(twin, settings, seed=0)
    return twin


def quantized(kind: str) -> LoraSettings:
    return LoraSettings.model_validate({"rank": 4, "quantize": kind})


def train(model: UnifiedModel, row: Packed, steps: int = 3) -> list[float]:
    objective, optimizers = ModelLosses(model), Optimizers(model, OptimizerSettings(rate=1e-2))
    course = []
    for _ in range(steps):
        losses = objective(row, PaddedAttend(row))
        loss = losses.text_N.mean() + losses.flow_MV.mean()
        loss.backward()
        optimizers.step(1.0)
        optimizers.zero_grad()
        course.append(loss.item())
    return course


def outputs(model: UnifiedModel, row: Packed) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        streams = model(row, PaddedAttend(row))
        return model.logits(streams.understanding_UD), model.latent_out(streams.generation_MD)


def plain(config: ModelConfig, state: dict[str, torch.Tensor]) -> UnifiedModel:
    model = UnifiedModel(config)
    model.load_state_dict(state)
    return model


def difference(one: UnifiedModel, other: UnifiedModel, row: Packed) -> float:
    pairs = zip(outputs(one, row), outputs(other, row), strict=True)
    return max((ours - theirs).abs().max().item() for ours, theirs in pairs)


@pytest.mark.parametrize("settings", [ALL, SOME], ids=["all", "some"])
def test_only_adapters_are_trained_and_they_begin_as_nothing(
    model: UnifiedModel, row: Packed, settings: LoraSettings
) -> None:
    twin = adapted(model, settings)
    trained = {name: one for name, one in twin.named_parameters() if one.requires_grad}
    experts, projections = set(settings.experts), set(settings.projections)
    assert all("lora_" in name for name in trained)
    assert {name.split(".")[3] for name in trained} == experts
    assert {name.split(".")[4] for name in trained} == projections
    assert sum(one.numel() for one in trained.values()) == num_adapter_parameters(model.config, settings)
    assert len(trained) == 2 * len(experts) * len(projections) * model.config.decoder.num_layers
    assert difference(model, twin, row) == 0


def test_training_changes_adapters_only_and_learns(model: UnifiedModel, row: Packed) -> None:
    twin = adapted(model, ALL)
    before = {name: one.detach().clone() for name, one in twin.named_parameters()}
    course = train(twin, row, steps=6)
    changed = {name for name, one in twin.named_parameters() if not torch.equal(one, before[name])}
    assert changed == {name for name in before if "lora_" in name}
    assert course[-1] < course[0]


@pytest.mark.parametrize("settings", [ALL, SOME], ids=["all", "some"])
def test_the_merged_model_does_what_the_adapted_one_does(
    model: UnifiedModel, row: Packed, settings: LoraSettings
) -> None:
    twin = adapted(model, settings)
    train(twin, row)
    merged = plain(model.config, merge(twin))
    assert difference(twin, merged, row) < 1e-5
    assert difference(twin, model, row) > 1e-3


def test_other_values_of_the_adapters_can_be_merged(model: UnifiedModel, row: Packed) -> None:
    twin = adapted(model, ALL)
    train(twin, row, steps=1)
    values = {name: one.detach().clone() for name, one in twin.named_parameters() if one.requires_grad}
    expected = merge(twin)
    train(twin, row)
    found = merge(twin, values)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert any(not torch.equal(value, expected[name]) for name, value in merge(twin).items())


def test_merged_weights_are_exported_under_the_references_names(
    model: UnifiedModel, row: Packed, tmp_path: Path
) -> None:
    twin = adapted(model, ALL)
    train(twin, row)
    save_model(plain(model.config, merge(twin)), tmp_path, "ema.safetensors")
    names = load_file(tmp_path / "ema.safetensors")
    assert "language_model.model.layers.0.self_attn.q_proj_moe_gen.weight" in names
    assert not any("lora" in name or "base_layer" in name for name in names)
    assert difference(twin, CheckpointFolder(tmp_path).load_model(), row) < 1e-5


def test_adapters_are_the_seeds_and_leave_the_global_generator_alone(model: UnifiedModel) -> None:
    state = torch.random.get_rng_state()
    one, same = adapted(model, ALL), adapted(model, ALL)
    assert torch.equal(torch.random.get_rng_state(), state)
    name = "decoder.layers.1.generation.gate.lora_A.default.weight"
    assert torch.equal(one.get_parameter(name), same.get_parameter(name))
    other = copy.deepcopy(model)
    adapt(other, ALL, seed=1)
    assert not torch.equal(one.get_parameter(name), other.get_parameter(name))


def test_adapters_of_a_bfloat16_model_are_float32(model: UnifiedModel, row: Packed) -> None:
    twin = copy.deepcopy(model).bfloat16()
    adapt(twin, ALL, seed=0)
    assert {one.dtype for one in twin.parameters() if one.requires_grad} == {torch.float32}
    train(twin, row)
    assert {value.dtype for value in merge(twin).values()} == {torch.bfloat16}
    assert {value.dtype for value in merge(twin, dtype=torch.float32).values()} == {torch.float32}
    assert difference(twin, plain(model.config, merge(twin)).bfloat16(), row) < 0.2


def test_adapters_can_be_frozen_by_part(model: UnifiedModel) -> None:
    twin = adapted(model, ALL)
    freeze(twin, [ModelPart.UNDERSTANDING])
    trained = [name for name, one in twin.named_parameters() if one.requires_grad]
    assert trained and all(".generation." in name for name in trained)


@pytest.mark.parametrize("kind", QUANTIZED)
def test_a_quantized_model_is_near_trains_and_merges(model: UnifiedModel, row: Packed, kind: str) -> None:
    twin = adapted(model, quantized(kind))
    scale = max(one.abs().max().item() for one in outputs(model, row))
    assert 0 < difference(model, twin, row) < {"nf4": 0.3, "int8": 0.03}[kind] * scale
    assert all("lora_" in name for name, one in twin.named_parameters() if one.requires_grad)
    course = train(twin, row, steps=6)
    assert course[-1] < course[0]
    merged = plain(model.config, merge(twin))
    assert difference(twin, merged, row) < 1e-4


@pytest.mark.parametrize("kind", QUANTIZED)
def test_a_quantized_model_is_small(model: UnifiedModel, kind: str) -> None:
    twin = adapted(model, quantized(kind))
    layer = twin.get_submodule("decoder.layers.0.generation.gate").get_base_layer()  # type: ignore[operator]
    state = layer.state_dict()
    size = sum(value.nbytes for value in state.values() if value.dtype is not torch.float32)
    if kind == "int8":
        size = layer.weight.qdata.nbytes + layer.weight.scale.nbytes
    whole = model.get_parameter("decoder.layers.0.generation.gate.weight")
    assert 0 < size <= {"nf4": 0.6 / 4, "int8": 1.1 / 4}[kind] * whole.nbytes


@needs_bitsandbytes
def test_projections_that_are_not_adapted_are_quantized_and_merged_too(
    model: UnifiedModel, row: Packed
) -> None:
    twin = adapted(model, SOME.model_copy(update={"quantize": quantized("nf4").quantize}))
    train(twin, row)
    merged = merge(twin)
    name = "decoder.layers.0.understanding.up.weight"
    assert not torch.equal(merged[name], model.get_parameter(name))
    assert torch.allclose(merged[name], model.get_parameter(name), atol=0.05)
    assert difference(twin, plain(model.config, merged), row) < 1e-4


def test_bitsandbytes_that_is_not_installed_is_asked_for(
    model: UnifiedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn.modules", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        adapted(model, quantized("nf4"))
    assert "pip install 'irg[train]'" in str(explain(caught.value))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"alpha": 0},
        {"dropout": 1.0},
        {"experts": []},
        {"experts": ["vision"]},
        {"projections": ["query", "query"]},
        {"quantize": "int4"},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LoraSettings.model_validate(wrong)


def test_adapters_are_not_trained_over_float8() -> None:
    with pytest.raises(ValidationError, match="over nf4 or int8 weights, not over fp8"):
        LoraSettings.model_validate({"quantize": "fp8"})
