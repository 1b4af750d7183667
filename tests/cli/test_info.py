import json
import shutil
from pathlib import Path

import pytest

from irg.model.config import bagel_7b, write_config
from irg.pipeline import Settings, load_pipeline
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


def test_the_table_names_what_matters(run: Run, checkpoint: Path) -> None:
    result = run("info", checkpoint)
    assert result.exit_code == 0, result.output
    for words in ("generation expert", "autoencoder", "ema.safetensors", "BF16", "guidance, later", "total"):
        assert words in result.stdout


def test_a_large_model_is_described_without_its_weights(run: Run, work: Path) -> None:
    folder = work / "bagel"
    folder.mkdir()
    write_config(bagel_7b(), folder)
    result = run("info", folder, "--json")
    content = json.loads(result.stdout)
    assert 14.6e9 < content["parameters"]["total"] < 14.8e9
    assert content["memory_bfloat16"]["context_per_token"] == 2 * 28 * 4 * 128 * 2
    assert result.exit_code == 2 and "none of ema.safetensors" in result.stderr


def test_measured_scores_are_shown(run: Run, checkpoint: Path, work: Path) -> None:
    folder = work / "scored"
    shutil.copytree(checkpoint, folder)
    Settings(scores={"scene": {"turn 2": 0.75}}, world="scenes").save(folder)
    stdout = run("info", folder).stdout
    assert "scene.turn 2" in stdout and "0.75" in stdout and "scenes only" in stdout


@pytest.mark.parametrize("num_bytes", [4, 100, 100_000])
def test_truncated_weights_are_told(run: Run, checkpoint: Path, work: Path, num_bytes: int) -> None:
    folder = work / "cut"
    shutil.copytree(checkpoint, folder)
    path = folder / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:num_bytes])
    result = run("info", folder)
    assert result.exit_code == 2 and f"{path} is not a whole safetensors file" in result.stderr


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
