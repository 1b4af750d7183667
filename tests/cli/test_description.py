"""What a checkpoint is, from its configuration and the headers of its files."""

import json
import shutil
from pathlib import Path

from irg.model.config import bagel_7b, write_config
from irg.pipeline import load_pipeline
from tests.cli.conftest import Run


def test_parameters_by_part_add_up_to_the_loaded_model(run: Run, checkpoint: Path) -> None:
    content = json.loads(run("info", checkpoint, "--json").stdout)
    parts = load_pipeline(checkpoint).parts
    loaded = [*parts.model.state_dict().values(), *parts.autoencoder.state_dict().values()]
    assert content["parameters"]["total"] == sum(value.numel() for value in loaded)
    assert content["parameters"]["total"] == sum(content["parameters"].values()) / 2
    assert content["parameters"]["understanding expert"] == content["parameters"]["generation expert"] > 0
    assert [file["name"] for file in content["files"]] == ["ema.safetensors", "ae.safetensors"]
    assert [list(file["values"]) for file in content["files"]] == [["BF16"], ["F32"]]
    assert content["problems"] == []


def test_a_large_model_is_described_without_its_weights(run: Run, work: Path) -> None:
    folder = work / "bagel"
    folder.mkdir()
    write_config(bagel_7b(), folder)
    result = run("info", folder, "--json")
    content = json.loads(result.stdout)
    assert 14.6e9 < content["parameters"]["total"] < 14.8e9
    assert content["memory_bfloat16"]["context_per_token"] == 2 * 28 * 4 * 128 * 2
    assert result.exit_code == 2 and "none of ema.safetensors" in result.stderr


def test_weights_of_another_model_are_told(run: Run, checkpoint: Path, work: Path) -> None:
    folder = work / "other"
    shutil.copytree(checkpoint, folder)
    sizes = json.loads((folder / "llm_config.json").read_text())
    (folder / "llm_config.json").write_text(json.dumps(sizes | {"num_hidden_layers": 4, "vocab_size": 300}))
    result = run("info", folder)
    assert result.exit_code == 2
    assert "embed_tokens.weight has shape (304, 64), expected (300, 64)" in result.stderr
    problems = json.loads(run("info", folder, "--json").stdout)["problems"]
    assert "missing language_model.model.layers.3.input_layernorm.weight" in problems
