import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from irg.model.adapter_file import CONFIG, WEIGHTS, AdapterFolder, write_adapters
from irg.model.weights import CheckpointError

NAME = "decoder.layers.0.generation.gate.weight"
THEIRS = "language_model.model.layers.0.mlp_moe_gen.gate_proj.weight"
DOWN, UP = torch.randn(2, 6), torch.randn(4, 2)


@pytest.fixture
def adapters(tmp_path: Path) -> AdapterFolder:
    write_adapters(tmp_path, {NAME: (DOWN, UP)}, 0.5, "embedded")
    return AdapterFolder(tmp_path)


def change(adapters: AdapterFolder, **settings: Any) -> None:
    path = adapters.path / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def test_what_is_written_is_what_is_added(adapters: AdapterFolder) -> None:
    weight = torch.randn(4, 6)
    assert adapters.base == "embedded" and adapters.scale == 0.5
    torch.testing.assert_close(adapters.added(THEIRS, weight), weight + 0.5 * UP @ DOWN)
    assert adapters.added("another", weight) is weight
    half = adapters.added(THEIRS, weight.bfloat16())
    assert half.dtype is torch.bfloat16
    adapters.check({THEIRS: torch.Size((4, 6))})


def test_peft_adds_the_same(adapters: AdapterFolder) -> None:
    """To a model whose modules are named as the reference's."""
    linear = torch.nn.Linear(6, 4, bias=False)
    module: torch.nn.Module = linear
    for part in reversed(THEIRS.removesuffix(".weight").split(".")):
        outer = torch.nn.Module()
        outer.add_module(part, module)
        module = outer
    settings = json.loads((adapters.path / CONFIG).read_text())
    wanted = adapters.added(THEIRS, linear.weight.detach())
    rank, alpha, modules = settings["r"], settings["lora_alpha"], settings["target_modules"]
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=modules)
    adapted = get_peft_model(module, config)  # pyright: ignore[reportArgumentType]
    result = set_peft_model_state_dict(adapted, load_file(adapters.path / WEIGHTS))
    assert not result.unexpected_keys
    merged = adapted.merge_and_unload()  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(merged.get_parameter(THEIRS), wanted)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3', expected 'LORA'"),
        ({"use_dora": True}, "use_dora is True, which is not known here"),
        ({"rank_pattern": {"a": 2}}, "rank_pattern is"),
        ({"bias": "all"}, "bias is 'all', expected 'none'"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path is None, expected a folder"),
        ({"r": 0}, "r 0: expected a whole number of at least 1"),
    ],
)
def test_what_is_not_known_is_refused_by_name(adapters: AdapterFolder, settings: dict, said: str) -> None:
    change(adapters, **settings)
    with pytest.raises(CheckpointError) as refused:
        _ = adapters.base, adapters.scale
    assert said in str(refused.value)


def test_rank_stabilised_adapters_are_scaled_as_they_are_meant(adapters: AdapterFolder) -> None:
    change(adapters, use_rslora=True)
    assert adapters.scale == pytest.approx(1.0 / 2**0.5)


def test_files_that_are_not_whole_or_of_another_model_are_told(adapters: AdapterFolder) -> None:
    with pytest.raises(CheckpointError, match=r"is for \(4, 6\), the model has \(4, 8\)"):
        adapters.check({THEIRS: torch.Size((4, 8))})
    with pytest.raises(CheckpointError, match="the model has no such weight"):
        adapters.check({})
    file = adapters.path / WEIGHTS
    for tensors, said in (
        ({f"base_model.model.{THEIRS.removesuffix('.weight')}.lora_A.weight": DOWN}, "but one factor"),
        ({THEIRS: DOWN}, "is no factor of an adapter"),
    ):
        save_file(tensors, file)
        with pytest.raises(CheckpointError, match=said):
            _ = AdapterFolder(adapters.path).factors
    file.write_bytes(b"short")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        _ = AdapterFolder(adapters.path).factors


def test_a_folder_without_a_configuration_is_none(tmp_path: Path) -> None:
    assert AdapterFolder.at(tmp_path) is None
