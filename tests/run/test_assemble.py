import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from irg.model.adapters import LoraSettings
from irg.model.checkpoint import CheckpointFolder
from irg.model.embeddings import sincos_table
from irg.run.assemble import build, parts_of
from irg.run.dataset import data_of
from irg.run.parallel import Layout, ParallelSettings
from tests.data.small import config, random_model
from tests.models import save_model
from tests.train.runs import recipe

ALONE = Layout(0, 1, torch.device("cpu"))


def test_weights_that_are_drawn_are_the_seeds(beginning: Path, tmp_path: Path) -> None:
    drawn = recipe(beginning, tmp_path, tmp_path, init=None, parts=str(beginning), preset="tiny")
    parts = parts_of(drawn)
    assert parts.config.autoencoder == config().autoencoder
    assert parts.config.decoder.vocabulary == parts.tokenizer.size
    one, same = (build(drawn, parts.config, ALONE).model for _ in range(2))
    other = build(drawn.model_copy(update={"seed": 1}), parts.config, ALONE).model
    assert all(torch.equal(value, same.state_dict()[name]) for name, value in one.state_dict().items())
    name = "decoder.layers.0.generation.query.weight"
    assert not torch.equal(one.state_dict()[name], other.state_dict()[name])
    # What writes into the residual stream says nothing at first, so that depth does not matter.
    pattern = r"(decoder|vision)\.layers\.\d+\..*(output|down)\.weight|latent_out\.weight"
    silent = [value for name, value in one.named_parameters() if re.fullmatch(pattern, name)]
    assert len(silent) > 1 and not any(value.any() for value in silent)


def test_weights_of_a_checkpoint_are_taken_and_position_tables_are_made_anew(
    beginning: Path, tmp_path: Path
) -> None:
    """A checkpoint in bfloat16 has them rounded."""
    folder = tmp_path / "rounded"
    shutil.copytree(beginning, folder)
    for path in folder.glob("ema*.safetensors"):
        path.unlink()
    save_model(random_model().bfloat16(), folder)
    model = build(recipe(folder, tmp_path, tmp_path), config(), ALONE).model
    saved = CheckpointFolder(folder).load_model().state_dict()
    exact = {"latent_positions.table", "view_positions.table"}
    for name, value in model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, saved[name].float()) != (name in exact), name
    width, side = config().decoder.width, config().latent_side
    assert torch.equal(model.get_buffer("latent_positions.table"), sincos_table(width, side))
    assert model.training


def test_what_does_not_fit_together_is_refused(beginning: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(beginning, other)
    sizes = json.loads((other / "ae_params.json").read_text())
    (other / "ae_params.json").write_text(json.dumps(sizes | {"latent_channels": 4}))
    with pytest.raises(ValueError, match="was trained with another autoencoder than that of"):
        parts_of(recipe(beginning, tmp_path, tmp_path, parts=str(other)))
    small = tmp_path / "small"
    shutil.copytree(beginning, small)
    sizes = json.loads((small / "llm_config.json").read_text())
    (small / "llm_config.json").write_text(json.dumps(sizes | {"vocab_size": 100}))
    with pytest.raises(ValueError, match=r"has \d+ tokens, the model of .*small only 100"):
        parts_of(recipe(small, tmp_path, tmp_path))


@pytest.mark.parametrize(("form", "cell"), [("clean", 16), ("view", 16)])
def test_images_that_do_not_divide_into_cells_are_refused(
    beginning: Path, traces: Path, tmp_path: Path, form: str, cell: int
) -> None:
    chosen = recipe(beginning, traces, tmp_path, **{form: {"max_side": 28, "min_side": 28, "stride": 14}})
    with pytest.raises(ValueError, match=rf"{form}\.stride is 14: .* cells of {cell} pixels"):
        data_of(chosen, chosen.data, parts_of(chosen), 1)


def test_processes_cannot_share_what_does_not_divide(beginning: Path, tmp_path: Path) -> None:
    three = Layout(0, 3, torch.device("cpu"))
    quantized = LoraSettings.model_validate({"rank": 2, "quantize": "int8"})
    with pytest.raises(ValueError, match="quantised weights cannot be shared by processes"):
        build(recipe(beginning, tmp_path, tmp_path, lora=quantized), config(), three)
    halves = ParallelSettings(shard=2)
    with pytest.raises(ValueError, match=r"parallel\.shard 2: 3 processes do not divide into groups of it"):
        build(recipe(beginning, tmp_path, tmp_path, parallel=halves), config(), three)
