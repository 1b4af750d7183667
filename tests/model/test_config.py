import json
from pathlib import Path

import pytest

from irg.model import ModelConfig, bagel_7b, embedded, tiny
from irg.model.config import AutoencoderConfig, read_config, write_config


@pytest.mark.parametrize("config", [tiny(), embedded(900), bagel_7b()], ids=["tiny", "embedded", "bagel"])
def test_a_configuration_comes_back_from_its_folder(config: ModelConfig, tmp_path: Path) -> None:
    write_config(config, tmp_path)
    assert read_config(tmp_path) == config


def test_bagel_needs_no_autoencoder_file(tmp_path: Path) -> None:
    write_config(bagel_7b(), tmp_path)
    assert not (tmp_path / "ae_params.json").exists()


def test_the_vision_file_counts_one_layer_more_than_runs(tmp_path: Path) -> None:
    write_config(bagel_7b(), tmp_path)
    assert json.loads((tmp_path / "vit_config.json").read_text())["num_hidden_layers"] == 27
    assert read_config(tmp_path).vision.num_layers == 26


def test_sizes_that_follow_from_others() -> None:
    config = bagel_7b()
    assert config.latent_values == 64
    assert config.pixels_per_latent == 16
    assert config.vision.patch_values == 588
    assert config.decoder.head_width == 128
    assert embedded(900).pixels_per_latent == 16


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"llm_config\.json is not valid JSON"),
        ("[1]", r"llm_config\.json: expected a JSON object, got list"),
        ("{}", r"a configuration file lacks 'hidden_size'"),
        (None, r"is not a checkpoint folder: llm_config\.json is missing"),
    ],
)
def test_broken_files_are_named(content: str | None, message: str, tmp_path: Path) -> None:
    write_config(tiny(), tmp_path)
    (tmp_path / "llm_config.json").unlink()
    if content is not None:
        (tmp_path / "llm_config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path)


@pytest.mark.parametrize("content", ['{"ch": 32}', '{"kind": "kl", "colour": 3}'])
def test_a_broken_autoencoder_file_is_named(content: str, tmp_path: Path) -> None:
    write_config(tiny(), tmp_path)
    (tmp_path / "ae_params.json").write_text(content)
    with pytest.raises(ValueError, match=r"ae_params\.json does not describe an autoencoder"):
        read_config(tmp_path)


def test_autoencoder_kinds() -> None:
    with pytest.raises(ValueError, match="autoencoder kind 'vq': expected 'kl' or 'patch'"):
        AutoencoderConfig("vq", (32, 32), 1, 8)
    with pytest.raises(ValueError, match="two feature widths"):
        AutoencoderConfig("patch", (32, 32, 64), 1, 8)
