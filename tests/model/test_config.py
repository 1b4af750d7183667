import json
import re
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


SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "rms_norm_eps", "rope_theta", "max_latent_size")


def changed(folder: Path, file: str, given: dict) -> None:
    write_config(tiny(), folder)
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | given))


def test_the_base_of_the_rotary_embedding_is_read_in_both_spellings(tmp_path: Path) -> None:
    changed(tmp_path, "llm_config.json", {"rope_theta": 5e5})
    assert read_config(tmp_path).decoder.rope_theta == 5e5
    content = json.loads((tmp_path / "llm_config.json").read_text())
    del content["rope_theta"]
    newer = content | {"rope_parameters": {"rope_type": "default", "rope_theta": 7e5}}
    (tmp_path / "llm_config.json").write_text(json.dumps(newer))
    assert read_config(tmp_path).decoder.rope_theta == 7e5


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", ["64", None, 0, -1, True, [], 1e400])
def test_sizes_are_numbers_in_range(name: str, value: object, tmp_path: Path) -> None:
    changed(tmp_path, "llm_config.json", {name: value})
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("file", "given"),
    [
        ("llm_config.json", {"num_hidden_layers": 300_000}),
        ("llm_config.json", {"num_attention_heads": 5}),
        ("llm_config.json", {"num_attention_heads": 64}),
        ("llm_config.json", {"hidden_act": "gelu"}),
        ("llm_config.json", {"qk_norm": False}),
        ("llm_config.json", {"use_sliding_window": True}),
        ("llm_config.json", {"rope_scaling": {"type": "yarn", "factor": 4.0}}),
        ("llm_config.json", {"rope_parameters": {"rope_type": "default", "rope_theta": 5.0}}),
        ("llm_config.json", {"rope_parameters": 3}),
        ("vit_config.json", {"patch_size": 0}),
        ("vit_config.json", {"image_size": "980"}),
        ("vit_config.json", {"num_hidden_layers": 1}),
        ("vit_config.json", {"hidden_act": "relu"}),
        ("vit_config.json", {"num_attention_heads": 7}),
    ],
)
def test_what_no_model_of_ours_has_is_refused(file: str, given: dict, tmp_path: Path) -> None:
    changed(tmp_path, file, given)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        read_config(tmp_path)
