import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from irg.model import Autoencoder, ModelConfig, UnifiedModel, bagel_7b, embedded
from irg.model.checkpoint import CheckpointError, CheckpointFolder
from irg.model.names import unified_name

GOLDEN = Path(__file__).parents[1] / "golden" / "ckpt"
"""Written by the reference."""


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


def test_the_references_files_come_back_byte_for_byte(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path).save_model(CheckpointFolder(GOLDEN).load_model())
    CheckpointFolder(tmp_path).save_autoencoder(CheckpointFolder(GOLDEN).load_autoencoder())
    for name in ("ema.safetensors", "ae.safetensors"):
        assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_a_saved_model_comes_back(model: UnifiedModel, folder: Path) -> None:
    loaded = CheckpointFolder(folder).load_model()
    assert loaded.config == model.config
    assert same_weights(loaded, model)
    assert not loaded.training


@pytest.mark.parametrize("kind", ["tiny", "embedded"])
def test_a_saved_autoencoder_comes_back(kind: str, config: ModelConfig, tmp_path: Path) -> None:
    config = {"tiny": config, "embedded": embedded(300)}[kind]
    autoencoder = Autoencoder(config.autoencoder)
    CheckpointFolder(tmp_path).write_config(config)
    CheckpointFolder(tmp_path).save_autoencoder(autoencoder)
    assert same_weights(CheckpointFolder(tmp_path).load_autoencoder(), autoencoder)


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


def test_bfloat16_under_its_own_file_name(model: UnifiedModel, tmp_path: Path) -> None:
    half = load_model_copy(model).to(torch.bfloat16)
    CheckpointFolder(tmp_path).save_model(half, file="ema_bf16.safetensors")
    assert (tmp_path / "ema_bf16.safetensors").exists()
    assert same_weights(CheckpointFolder(tmp_path).load_model(), half)


def load_model_copy(model: UnifiedModel) -> UnifiedModel:
    copied = UnifiedModel(model.config)
    copied.load_state_dict(model.state_dict())
    return copied


def test_the_type_asked_for(folder: Path) -> None:
    loaded = CheckpointFolder(folder).load_model(dtype=torch.float64)
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float64}
    assert {value.dtype for value in CheckpointFolder(GOLDEN).load_model().state_dict().values()} == {
        torch.bfloat16
    }
    assert (
        CheckpointFolder(GOLDEN)
        .load_autoencoder(dtype=torch.bfloat16)
        .decode(torch.zeros(1, 16, 2, 2).bfloat16())
        .shape[1]
        == 3
    )


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


def test_folders_without_weights(broken: Path) -> None:
    (broken / "ema.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"has none of ema\.safetensors, ema_bf16\.safetensors"):
        CheckpointFolder(broken).load_model()
    with pytest.raises(CheckpointError, match=r"ae\.safetensors is missing"):
        CheckpointFolder(broken).load_autoencoder()
    with pytest.raises(ValueError, match=r"not a checkpoint folder: llm_config\.json is missing"):
        CheckpointFolder(broken / "..").load_model()


def test_a_model_needs_no_autoencoder_and_no_tokenizer(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "ae_params.json",
        "ema.safetensors",
        "llm_config.json",
        "vit_config.json",
    }
    CheckpointFolder(folder).load_model()


def test_an_autoencoder_needs_no_model(config: ModelConfig, tmp_path: Path) -> None:
    CheckpointFolder(tmp_path).write_config(config)
    CheckpointFolder(tmp_path).save_autoencoder(Autoencoder(config.autoencoder))
    for name in ("llm_config.json", "vit_config.json"):
        (tmp_path / name).unlink()
    assert CheckpointFolder(tmp_path).load_autoencoder().config == config.autoencoder


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


def test_resolving_folders_and_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CheckpointFolder.find(tmp_path).path == tmp_path
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is a file, expected a checkpoint folder"):
        CheckpointFolder.find(tmp_path / "file")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="nowhere is neither a folder nor a hub id"):
        CheckpointFolder.find("nowhere")
    with pytest.raises(CheckpointError, match="neither a folder nor a hub id"):
        CheckpointFolder.find("./no/such/folder")


def test_a_hub_id_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        CheckpointError, match=r"nobody/no-such-model is no local folder and could not be fetched"
    ):
        CheckpointFolder.find("nobody/no-such-model")


def test_bagel_has_the_right_tensors() -> None:
    """Sizes as the reference's facts state them, added up by hand."""
    with torch.device("meta"):
        model = UnifiedModel(bagel_7b())
    width, mlp, head, kv = 3584, 18944, 128, 4 * 128
    attention = 2 * width * width + width + 2 * (width * kv + kv) + 2 * head
    expert = attention + 3 * width * mlp + 2 * width
    decoder = 28 * 2 * expert + 2 * 152064 * width + 2 * width
    eyes, eye_mlp = 1152, 4304
    eye_layer = 4 * (eyes * eyes + eyes) + 2 * eyes * eye_mlp + eye_mlp + eyes + 4 * eyes
    vision = (14 * 14 * 3 + 1) * eyes + 70 * 70 * eyes + 26 * eye_layer + 2 * eyes
    connector = (eyes + 1) * width + (width + 1) * width
    timestep = (256 + 1) * width + (width + 1) * width
    latents = (64 + 1) * width + (width + 1) * 64
    assert sum(parameter.numel() for parameter in model.parameters()) == (
        decoder + vision + connector + timestep + latents
    )
    tables = {name: tuple(table.shape) for name, table in model.named_buffers()}
    assert tables == {"view_positions.table": (70 * 70, width), "latent_positions.table": (64 * 64, width)}


def test_bagel_has_the_references_names() -> None:
    """The same names as in the reference's small checkpoint, but for the layers' numbers."""

    def without_numbers(names: list[str]) -> set[str]:
        return {re.sub(r"layers\.\d+", "layers.N", name) for name in names}

    with torch.device("meta"):
        names = [unified_name(name) for name in UnifiedModel(bagel_7b()).state_dict()]
    assert without_numbers(names) == without_numbers(list(load_file(GOLDEN / "ema.safetensors")))
    assert len(set(names)) == len(names)
    for prefix, num_layers in (("language_model.model", 28), ("vit_model.vision_model.encoder", 26)):
        numbers = {match[1] for name in names if (match := re.match(rf"{prefix}\.layers\.(\d+)\.", name))}
        assert numbers == {str(number) for number in range(num_layers)}


def test_flux_autoencoder_names_of_any_depth(config: ModelConfig, tmp_path: Path) -> None:
    """Three resolutions instead of four: LDM counts the decoder's from the other end."""
    shallow = replace(config.autoencoder, channels=(32, 32, 64))
    autoencoder = Autoencoder(shallow)
    CheckpointFolder(tmp_path).write_config(replace(config, autoencoder=shallow))
    CheckpointFolder(tmp_path).save_autoencoder(autoencoder)
    names = load_file(tmp_path / "ae.safetensors")
    assert {name.split(".")[2] for name in names if name.startswith("decoder.up.")} == {"0", "1", "2"}
    assert "decoder.up.2.upsample.conv.weight" in names and "decoder.up.0.upsample.conv.weight" not in names
    assert names["decoder.mid.attn_1.q.weight"].ndim == 4
    assert same_weights(CheckpointFolder(tmp_path).load_autoencoder(), autoencoder)
