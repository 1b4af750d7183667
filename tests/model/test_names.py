"""What the reference's files call our parameters."""

import re
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from irg.model import Autoencoder, ModelConfig, UnifiedModel, bagel_7b
from irg.model.checkpoint import CheckpointFolder
from irg.model.names import unified_name

GOLDEN = Path(__file__).parents[1] / "golden" / "ckpt"
"""Written by the reference."""


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) and value.dtype is states[1][name].dtype
        for name, value in states[0].items()
    )


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
