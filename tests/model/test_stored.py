"""What others store in few bits is decoded as it is read, or refused by name."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from irg.model import UnifiedModel
from irg.model.checkpoint import CheckpointFolder
from irg.model.low_bit import Quantize, as_held, decoded, is_quantized
from irg.model.names import unified_name
from irg.model.stored import StoredEntry, stored
from irg.model.weights import CheckpointError, read_weights
from tests.models import save_model

Tensors = dict[str, torch.Tensor]
WEIGHT = torch.linspace(-1.0, 1.0, 12 * 64).view(12, 64).sin()


def int8(name: str, weight: torch.Tensor) -> Tensors:
    most = weight.abs().amax(dim=1)
    codes = (weight / most[:, None] * 127).round().to(torch.int8)
    return {name: codes, f"{name}_scale": (most / 127)[:, None]}


def bitsandbytes_int8(name: str, weight: torch.Tensor) -> Tensors:
    codes = int8(name, weight)[name]
    path = name.removesuffix("weight")
    layout = {f"{path}weight_format": torch.tensor(0, dtype=torch.uint8)}
    return {name: codes, f"{path}SCB": weight.abs().amax(dim=1)} | layout


def fp8(name: str, weight: torch.Tensor) -> Tensors:
    scale = weight.abs().max() / 448
    codes = (weight / scale).to(torch.float8_e4m3fn)
    return {name: codes, f"{name.removesuffix('weight')}scale_weight": scale}


def bare_fp8(name: str, weight: torch.Tensor) -> Tensors:
    return {name: weight.to(torch.float8_e4m3fn)}


def nf4(name: str, weight: torch.Tensor) -> Tensors:
    from bitsandbytes.functional import quantize_4bit

    codes, state = quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    return {name: codes} | {f"{name}.{part}": one for part, one in state.as_dict(packed=True).items()}


WAYS: list[object] = [int8, bitsandbytes_int8, fp8, bare_fp8]
WAYS += [
    pytest.param(nf4, marks=pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes"))
]


@pytest.mark.parametrize("store", WAYS)
def test_what_is_read_is_nearly_what_was_stored(
    store: Callable[[str, torch.Tensor], Tensors], tmp_path: Path
) -> None:
    save_file(store("layer.weight", WEIGHT) | {"other": torch.ones(3)}, tmp_path / "x.safetensors")
    wanted = {"layer.weight": WEIGHT.shape, "other": torch.Size((3,))}
    found = dict(read_weights([tmp_path / "x.safetensors"], wanted))
    assert found.keys() == wanted.keys() and torch.equal(found["other"], torch.ones(3))
    error = (found["layer.weight"] - WEIGHT).abs().max()
    assert 0 < error < (0.2 if store is nf4 else 0.05 if "fp8" in store.__name__ else 0.005)


@pytest.mark.parametrize("store", WAYS)
def test_a_whole_checkpoint_of_few_bits_loads(
    model: UnifiedModel, store: Callable[[str, torch.Tensor], Tensors], tmp_path: Path
) -> None:
    save_model(model, tmp_path)
    path = tmp_path / "ema.safetensors"
    tensors = load_file(path)
    quantized = [unified_name(name) for name in model.state_dict() if is_quantized(name)]
    for name in quantized:
        tensors |= store(name, tensors[name])
    path.unlink()
    save_file(tensors, tmp_path / "ema-few-bits.safetensors")
    folder = CheckpointFolder(tmp_path)
    assert [problem for problem in folder.inspect()[1] if "ae.safetensors" not in problem] == []
    near = folder.load_model(dtype=torch.float32).state_dict()
    with folder.opened() as read:
        for name, weight in model.state_dict().items():
            again = read(name)
            assert again is not None and torch.equal(again, near[name])
            assert torch.equal(near[name], weight) is not is_quantized(name)
            assert (near[name] - weight).abs().max() < 0.3 * weight.abs().max() + 1e-6


@pytest.mark.parametrize("kind", [Quantize.INT8, Quantize.FP8])
def test_weights_are_quantised_as_they_are_read(model: UnifiedModel, kind: Quantize, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    held = CheckpointFolder(tmp_path).load_model(dtype=torch.float32, quantize=kind)
    for name, weight in model.state_dict().items():
        path, _, leaf = name.rpartition(".")
        expected = as_held(weight, kind) if is_quantized(name) else weight
        assert torch.equal(decoded(getattr(held.get_submodule(path), leaf)), expected), name


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a": torch.ones(2, 3, dtype=torch.int8)}, "a is of type I8 without a scale"),
        ({"a": torch.ones(3, 1, dtype=torch.uint8)}, "a is of type U8 without bitsandbytes' NF4 state"),
        (
            {"a": torch.ones(2, 3, dtype=torch.int8), "a_scale": torch.ones(5)},
            r"a_scale has shape \(5,\): expected one scale, or one for each of 2 outputs",
        ),
        (
            bitsandbytes_int8("x.weight", WEIGHT) | {"x.weight_format": torch.tensor(2, dtype=torch.uint8)},
            "x.weight_format is 2, expected 0: by rows",
        ),
        (
            {
                "x.weight": torch.ones(2, 3, dtype=torch.int8),
                "x.weight_format": torch.tensor(0, dtype=torch.uint8),
            },
            "x.weight is of type I8 without a scale",
        ),
        ({"encoded_exponent": torch.ones(2, dtype=torch.uint8)}, "weights stored as DFloat11 are not read"),
        ({"a.qweight": torch.ones(2, dtype=torch.int32)}, "weights stored as GPTQ or AWQ are not read"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name(tensors: Tensors, message: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=message):
        wanted = {"a": torch.Size((2, 3)), "x.weight": WEIGHT.shape}
        list(read_weights([tmp_path / "x.safetensors"], wanted))


def test_files_of_other_names(tmp_path: Path) -> None:
    (tmp_path / "model-q4.gguf").touch()
    with pytest.raises(CheckpointError, match="GGUF files are not read"):
        CheckpointFolder(tmp_path).weight_files  # noqa: B018
    for name in ("ema-FP8.safetensors", "ema-INT8.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=r"more than one other: ema-FP8\.safetensors, ema-INT8"):
        CheckpointFolder(tmp_path).weight_files  # noqa: B018


def test_a_scale_of_nothing_in_few_bits_is_a_weight_like_any_other() -> None:
    entries = {
        "norm.weight": StoredEntry("F32", torch.Size((3,))),
        "norm.scale": StoredEntry("F32", torch.Size((3,))),
    }
    assert stored(entries).keys() == entries.keys()
