"""Weight files: whole or not at all, in shards, and every problem with them named."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from irg.model import ModelConfig, UnifiedModel
from irg.model.checkpoint import CheckpointError, CheckpointFolder


@pytest.fixture(scope="module")
def folder(model: UnifiedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model saved. Tests that break it copy it first."""
    folder = tmp_path_factory.mktemp("saved")
    CheckpointFolder(folder).save_model(model)
    return folder


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


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
    CheckpointFolder(tmp_path).save_model(model, most_bytes=limit)
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
    CheckpointFolder(tmp_path).save_model(model, most_bytes=200_000)
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
        CheckpointFolder(broken).save_model(model)
    assert (broken / "ema.safetensors").read_bytes() == before
    assert not list(broken.glob(".*"))
