"""Weight files: whole or not at all, in shards, and every problem with them named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from irg.model import ModelConfig, UnifiedModel
from irg.model.checkpoint import CheckpointFolder
from irg.model.weights import (
    CheckpointError,
    content_of_weights,
    differences,
    opened,
    read_header,
    read_weights,
    weight_files,
    write_tensors,
    write_weights,
)
from tests.models import save_model

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(5).bfloat16(), "c": torch.zeros(2, 3, 2, 2)}


def sizes() -> dict[str, int]:
    return {name: tensor.nbytes for name, tensor in TENSORS.items()}


def test_shards_are_written_a_file_at_a_time(tmp_path: Path) -> None:
    held: list[str] = []

    def read(name: str) -> torch.Tensor:
        whole = sorted(path.name for path in tmp_path.glob("*.safetensors"))
        held.append(f"{name} after {len(whole)}")
        return TENSORS[name]

    write_weights(tmp_path / "ema.safetensors", sizes(), read, most_bytes=40)
    assert held == ["a after 0", "b after 0", "c after 1"]
    files = weight_files(tmp_path)
    assert [sorted(load_file(path)) for path in files] == [["a", "b"], ["c"]]
    found = dict(read_weights(files, {name: tensor.shape for name, tensor in TENSORS.items()}))
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in found.items())
    with opened(files) as handles:
        assert all(torch.equal(handles[name].get_tensor(name), tensor) for name, tensor in TENSORS.items())


def test_a_convolution_may_stand_for_a_matrix_of_its_rows(tmp_path: Path) -> None:
    write_tensors({"c": TENSORS["c"]}, tmp_path / "x.safetensors")
    ((_, found),) = read_weights([tmp_path / "x.safetensors"], {"c": torch.Size((2, 12))})
    assert found.shape == (2, 12)
    with pytest.raises(CheckpointError, match=r"c has shape \(2, 3, 2, 2\), expected \(4, 6\)"):
        list(read_weights([tmp_path / "x.safetensors"], {"c": torch.Size((4, 6))}))


def test_differences_are_told_by_name() -> None:
    found = {"a": torch.Size((2,)), "z": torch.Size((1,))}
    wanted = {"a": torch.Size((3,)), "b": torch.Size((1,))}
    told = ["a has shape (2,), expected (3,)", "missing b", "unexpected z"]
    assert differences(found, wanted) == told


def test_a_header_tells_what_a_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(TENSORS, path)
    file, entries = read_header(path)
    assert (file.name, file.num_bytes, file.num_tensors) == (path.name, path.stat().st_size, 3)
    assert file.values == {"F32": 6 + 24, "BF16": 5}
    assert {name: one.shape for name, one in entries.items()} == {
        name: tensor.shape for name, tensor in TENSORS.items()
    }
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
        read_header(path)


def edit(folder: Path, changes: dict[str, torch.Tensor | None]) -> None:
    """Rewrite the weights with some tensors replaced, added or (None) dropped."""
    path = folder / "ema.safetensors"
    tensors = load_file(path) | changes
    save_file({name: value for name, value in tensors.items() if value is not None}, path)


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) and value.dtype is states[1][name].dtype
        for name, value in states[0].items()
    )


def test_shards(model: UnifiedModel, tmp_path: Path) -> None:
    limit = 200_000
    save_model(model, tmp_path, most_bytes=limit)
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert len(shards) > 3 and not (tmp_path / "ema.safetensors").exists()
    assert shards[0].name == f"ema-00001-of-{len(shards):05d}.safetensors"
    index = json.loads((tmp_path / "ema.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in model.state_dict().values())
    for shard in shards:
        tensors = load_file(shard)
        assert len(tensors) == 1 or sum(value.nbytes for value in tensors.values()) <= limit
        assert {index["weight_map"][name] for name in tensors} == {shard.name}
    assert same_weights(CheckpointFolder(tmp_path).load_model(), model)


def test_a_missing_shard_is_named(model: UnifiedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path, most_bytes=200_000)
    shard = sorted(tmp_path.glob("*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(CheckpointError, match=f"names files that are missing: {shard.name}"):
        CheckpointFolder(tmp_path).load_model()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": 3}'])
def test_a_broken_index_is_named(content: str, broken: Path) -> None:
    (broken / "ema.safetensors").unlink()
    (broken / "ema.safetensors.index.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"ema\.safetensors\.index\.json is not a whole index"):
        CheckpointFolder(broken).load_model()


def test_every_problem_is_named_at_once(broken: Path, config: ModelConfig) -> None:
    width, vocabulary = config.decoder.width, config.decoder.vocabulary
    changes: dict[str, torch.Tensor | None] = {
        "language_model.lm_head.weight": torch.zeros(vocabulary, width + 1),
        "vae2llm.bias": None,
        "connector.fc1.weight": None,
        "surprise.weight": torch.zeros(1),
    }
    edit(broken, changes)
    with pytest.raises(CheckpointError) as failure:
        CheckpointFolder(broken).load_model()
    message = str(failure.value)
    assert "ema.safetensors: 4 problem(s)" in message
    assert "missing vae2llm.bias" in message and "missing connector.fc1.weight" in message
    assert "unexpected surprise.weight" in message
    shapes = f"has shape ({vocabulary}, {width + 1}), expected ({vocabulary}, {width})"
    assert f"language_model.lm_head.weight {shapes}" in message


def test_a_truncated_file_is_named(broken: Path) -> None:
    path = broken / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"ema\.safetensors is not a whole safetensors file"):
        CheckpointFolder(broken).load_model()


def test_a_file_that_is_no_safetensors_is_named(broken: Path) -> None:
    (broken / "ema.safetensors").write_text("<html>not found</html>")
    with pytest.raises(CheckpointError, match=r"ema\.safetensors is not a whole safetensors file"):
        CheckpointFolder(broken).load_model()


def test_a_failed_save_leaves_the_old_file(
    model: UnifiedModel, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    before = (broken / "ema.safetensors").read_bytes()
    monkeypatch.setattr("irg.model.weights.save_file", full)
    with pytest.raises(OSError, match="no space left"):
        save_model(model, broken)
    assert (broken / "ema.safetensors").read_bytes() == before
    assert not list(broken.glob(".*"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e5m2])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_what_is_no_number_is_not_written(tmp_path: Path, dtype: torch.dtype, value: float) -> None:
    tensors = {"whole": torch.ones(2), "none": torch.empty(0), "one": torch.tensor([1.0, value]).to(dtype)}
    with pytest.raises(CheckpointError, match=r"^ae\.safetensors is not written: one holds NaN or infinity$"):
        write_tensors(tensors, tmp_path / "ae.safetensors")
    assert list(tmp_path.iterdir()) == []
    tensors["one"] = torch.tensor([3, 2])
    write_tensors(tensors, tmp_path / "ae.safetensors")


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool, torch.float64, torch.complex64])
def test_weights_of_a_type_that_is_not_honoured(dtype: torch.dtype, tmp_path: Path) -> None:
    write_tensors({"a": torch.ones(2, 3).to(dtype)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"a is of type .*, expected F32, F16, BF16"):
        list(read_weights([tmp_path / "x.safetensors"], {"a": torch.Size((2, 3))}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_no_numbers(value: float, dtype: torch.dtype, tmp_path: Path) -> None:
    save_file({"a": torch.tensor([1.0, value]).to(dtype)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="a holds NaN or infinity"):
        list(read_weights([tmp_path / "x.safetensors"], {"a": torch.Size((2,))}))


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/x.safetensors", 3, None])
def test_shards_lie_in_their_folder(name: object, tmp_path: Path) -> None:
    write_tensors({"a": torch.ones(1)}, tmp_path / "x.safetensors")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "ema.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(CheckpointError, match="not a whole index of shards"):
        weight_files(folder)


def test_a_large_file_is_told_from_one_with_another_tensor_inside(tmp_path: Path) -> None:
    """As where adapters were merged into some layers: header, size and both ends are the same."""
    tensors = {f"t{number:02d}": torch.zeros(1 << 17) for number in range(20)}
    write_tensors(tensors, tmp_path / "one")
    write_tensors({**tensors, "t09": torch.ones(1 << 17)}, tmp_path / "other")
    assert content_of_weights(tmp_path / "one") != content_of_weights(tmp_path / "other")
    write_tensors(tensors, tmp_path / "same")
    assert content_of_weights(tmp_path / "one") == content_of_weights(tmp_path / "same")
