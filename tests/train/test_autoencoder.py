import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from irg.model import Autoencoder
from irg.model.checkpoint import CheckpointFolder
from irg.prep import to_pixels
from irg.train.autoencoder import AutoencoderRecipe, _crops, _picture, _train_step, finish, train_autoencoder
from irg.world import random_scene, render
from tests.train.steps import interrupted_after, watched


def recipe(out: Path, **changes: object) -> AutoencoderRecipe:
    """Seconds of work in every respect."""
    tiny: dict[str, object] = {
        "out": out,
        "steps": 4,
        "batch": 2,
        "crop": 32,
        "warmup": 1,
        "pool": 4,
        "refresh": 1,
        "save_every": 2,
        "channels": (8, 8),
        "num_blocks": 1,
        "latent_channels": 4,
        "num_scenes": 3,
    }
    return AutoencoderRecipe.model_validate(tiny | changes)


def untrained(config: AutoencoderRecipe) -> Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(config.config)


def test_a_few_steps_lower_the_loss(tmp_path: Path) -> None:
    config = recipe(tmp_path, batch=4)
    net, rng, generator = untrained(config), np.random.default_rng(0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    crops = _crops(np.stack([_picture(rng) for _ in range(2)]), config, rng)
    losses = [_train_step(config, net, optimizer, crops, generator) for _ in range(18)]
    assert losses[-1]["loss"] < 0.5 * losses[0]["loss"]
    assert losses[-1]["psnr"] > losses[0]["psnr"]


def test_the_loss_is_pixels_and_weighted_edges_and_magnitudes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plain = recipe(tmp_path, edge_weight=0, magnitude_weight=0)
    crops = _crops(np.stack([_picture(rng)]), plain, rng)

    def first_step(config: AutoencoderRecipe) -> dict[str, float]:
        net = untrained(config)
        optimizer = torch.optim.AdamW(net.parameters())
        return _train_step(config, net, optimizer, crops, torch.Generator().manual_seed(0))

    first = first_step(plain)
    assert first["loss"] == pytest.approx(first["pixel"])
    edged = first_step(recipe(tmp_path, edge_weight=2.0, magnitude_weight=0))
    assert edged["loss"] == pytest.approx(edged["pixel"] + 2 * edged["edge"])
    heavy = first_step(recipe(tmp_path, edge_weight=0, magnitude_weight=10.0))
    assert heavy["loss"] > first["loss"] + 0.01
    noisy = first_step(recipe(tmp_path, edge_weight=0, magnitude_weight=0, latent_noise=3.0))
    assert noisy["pixel"] != first["pixel"]


def test_crops_are_pieces_of_the_pool(tmp_path: Path) -> None:
    pool = np.arange(2 * 128 * 128 * 3, dtype=np.uint32).reshape(2, 128, 128, 3) % 251
    crops = _crops(pool.astype(np.uint8), recipe(tmp_path, batch=6), np.random.default_rng(0))
    assert crops.shape == (6, 3, 32, 32) and crops.min() >= -1 and crops.max() <= 1
    windows = np.lib.stride_tricks.sliding_window_view(pool, (32, 32), axis=(1, 2))[:, :, :, :, 0, 0]
    for crop in ((crops * 0.5 + 0.5) * 255).round().int().numpy():
        starts = np.argwhere((windows == crop[:, 0, 0]).all(axis=-1))
        assert any((pool[i, y : y + 32, x : x + 32].transpose(2, 0, 1) == crop).all() for i, y, x in starts)


def test_a_run_leaves_a_loadable_autoencoder_and_its_scores(tmp_path: Path) -> None:
    scores = train_autoencoder(recipe(tmp_path / "new"))
    assert json.loads((tmp_path / "new" / "scores.json").read_text()) == scores
    assert scores["num_scenes"] == 3 and 0 <= scores["read_back"] <= 1
    loaded = CheckpointFolder(tmp_path / "new").load_autoencoder()
    assert (loaded.config.scale, loaded.config.shift) == (scores["scale"], scores["shift"])
    assert not list((tmp_path / "new").glob("*.partial"))


def test_finishing_measures_the_weights_it_was_given_and_makes_latents_unit_normal(tmp_path: Path) -> None:
    config = recipe(tmp_path)
    averaged = {name: value.clone() for name, value in untrained(config).state_dict().items()}
    finish(config, averaged, num_scenes=20)
    loaded = CheckpointFolder(tmp_path).load_autoencoder()
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, averaged[name])
    rng = np.random.default_rng(5)
    pictures = [Image.fromarray(render(random_scene(rng))) for _ in range(20)]
    with torch.no_grad():
        pixels = to_pixels(pictures)
        latents = loaded.encode(pixels)
        assert abs(latents.mean()) < 0.1 and abs(latents.std() - 1) < 0.1
        decoded = loaded.decode(latents)
    error = (decoded - pixels).square().mean(dim=(1, 2, 3))
    psnr = json.loads((tmp_path / "scores.json").read_text())["psnr"]
    assert float((-10 * torch.log10(error / 4)).mean()) == pytest.approx(psnr, abs=1.0)


def test_an_interrupted_run_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    config = recipe(tmp_path, steps=5)
    with pytest.raises(KeyboardInterrupt), interrupted_after(4):
        train_autoencoder(config)
    assert not (tmp_path / "ae.safetensors").exists()
    saved = load_file(tmp_path / "state.safetensors")
    assert saved["adam.0.step"] == 2
    states: list[dict[str, torch.Tensor]] = []
    with watched(lambda optimizer: states.append({"step": next(iter(optimizer.state.values()))["step"]})):
        train_autoencoder(config)
    assert len(states) == 3
    assert load_file(tmp_path / "state.safetensors")["adam.0.step"] == 5
    assert (tmp_path / "ae.safetensors").exists()


def test_a_resumed_run_starts_from_the_saved_weights(tmp_path: Path) -> None:
    """A finished run that is started again takes no step and writes the same file."""
    train_autoencoder(recipe(tmp_path))
    before = (tmp_path / "ae.safetensors").read_bytes()
    (tmp_path / "ae.safetensors").unlink()
    taken: list[object] = []
    with watched(taken.append):
        train_autoencoder(recipe(tmp_path))
    assert not taken
    assert (tmp_path / "ae.safetensors").read_bytes() == before


def test_what_is_written_is_the_average_of_the_weights(tmp_path: Path) -> None:
    train_autoencoder(recipe(tmp_path))
    state = load_file(tmp_path / "state.safetensors")
    loaded = CheckpointFolder(tmp_path).load_autoencoder().state_dict()
    assert all(torch.equal(value, state[f"ema.{name}"]) for name, value in loaded.items())
    assert any(not torch.equal(value, state[f"net.{name}"]) for name, value in loaded.items())
    with safe_open(tmp_path / "state.safetensors", framework="pt") as file:
        assert file.metadata() == {"step": "4"}


def test_one_seed_gives_one_autoencoder(tmp_path: Path) -> None:
    one, same, other = (
        train_autoencoder(recipe(tmp_path / name, seed=seed, steps=2))
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one == same != other
    files = [(tmp_path / name / "ae.safetensors").read_bytes() for name in ("one", "same", "other")]
    assert files[0] == files[1] != files[2]
