from pathlib import Path

import pytest
import torch

from irg.model import Autoencoder, ModelConfig, UnifiedModel, bagel_7b, embedded
from irg.model.checkpoint import CheckpointError, CheckpointFolder
from tests.models import save_model

GOLDEN = Path(__file__).parents[1] / "golden" / "ckpt"
"""Written by the reference."""


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) and value.dtype is states[1][name].dtype
        for name, value in states[0].items()
    )


def test_the_references_files_come_back_byte_for_byte(tmp_path: Path) -> None:
    save_model(CheckpointFolder(GOLDEN).load_model(), tmp_path)
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


def test_bfloat16_under_its_own_file_name(model: UnifiedModel, tmp_path: Path) -> None:
    half = load_model_copy(model).to(torch.bfloat16)
    save_model(half, tmp_path, file="ema_bf16.safetensors")
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
