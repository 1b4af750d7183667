import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from irg.model.checkpoint import CheckpointError, CheckpointFolder
from irg.prep import to_pixels
from irg.run.loop import CHECKPOINTS
from irg.run.parallel import Layout
from irg.run.saved import Files, read_index, step_folder, steps_in
from irg.run.step import backward, evaluate
from irg.train.embedded_autoencoder import (
    AutoencoderObjective,
    AutoencoderRecipe,
    Crops,
    crops,
    finish,
    new_autoencoder,
    picture,
    train_autoencoder,
)
from irg.world import random_scene, render
from tests.train.runs import history
from tests.train.steps import interrupted_after, watched

ALONE = Layout(0, 1, torch.device("cpu"))
BEFORE = 1
"""Steps of an optimizer that only make its state, before the first of a run."""


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


def objective(config: AutoencoderRecipe) -> AutoencoderObjective:
    return AutoencoderObjective(config, new_autoencoder(config))


def rows(config: AutoencoderRecipe, pixels: torch.Tensor, noise: torch.Generator) -> Crops:
    size = config.crop // 8
    return Crops(pixels, torch.randn(len(pixels), config.latent_channels, size, size, generator=noise))


def test_a_few_steps_lower_the_loss(tmp_path: Path) -> None:
    config = recipe(tmp_path, batch=4)
    chosen, rng, noise = objective(config), np.random.default_rng(0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(chosen.model.parameters(), lr=1e-2)
    pixels = crops(np.stack([picture(rng) for _ in range(2)]), config, rng)
    losses = []
    for _ in range(18):
        losses.append(backward(chosen, chosen.forwards(rows(config, pixels, noise)), ALONE).losses)
        torch.nn.utils.clip_grad_norm_(chosen.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1]["loss"] < 0.5 * losses[0]["loss"]
    assert losses[-1]["psnr"] > losses[0]["psnr"]


def test_the_loss_is_pixels_and_weighted_edges_and_magnitudes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plain = recipe(tmp_path, edge_weight=0, magnitude_weight=0)
    pixels = crops(np.stack([picture(rng)]), plain, rng)

    def first_step(config: AutoencoderRecipe) -> dict[str, float]:
        chosen, noise = objective(config), torch.Generator().manual_seed(0)
        return evaluate(chosen, chosen.forwards(rows(config, pixels, noise)), ALONE).losses

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
    pieces = crops(pool.astype(np.uint8), recipe(tmp_path, batch=6), np.random.default_rng(0))
    assert pieces.shape == (6, 3, 32, 32) and pieces.min() >= -1 and pieces.max() <= 1
    windows = np.lib.stride_tricks.sliding_window_view(pool, (32, 32), axis=(1, 2))[:, :, :, :, 0, 0]
    for crop in ((pieces * 0.5 + 0.5) * 255).round().int().numpy():
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
    config = recipe(tmp_path, num_scenes=20)
    averaged = {name: value.clone() for name, value in new_autoencoder(config).state_dict().items()}
    finish(config, averaged)
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


def test_a_killed_run_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    config = recipe(tmp_path, steps=5)
    with pytest.raises(KeyboardInterrupt), interrupted_after(4 + BEFORE):
        train_autoencoder(config)
    assert not (tmp_path / "ae.safetensors").exists()
    for _ in range(100):  # it is written beside the training
        if steps_in(tmp_path / CHECKPOINTS):
            break
        time.sleep(0.1)
    assert steps_in(tmp_path / CHECKPOINTS) == [2]
    taken: list[object] = []
    with watched(taken.append):
        train_autoencoder(config)
    assert len(taken) == 3 + BEFORE
    assert steps_in(tmp_path / CHECKPOINTS) == [5]
    assert (tmp_path / "ae.safetensors").exists()


def test_a_run_that_was_asked_to_stop_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Weights, averages, losses: the pictures of the pool are those it had."""
    whole, stopped = (recipe(tmp_path / name, steps=5, save_every=100) for name in ("whole", "stopped"))
    train_autoencoder(whole)
    steps = iter(range(99))

    def stop(_: object) -> None:
        if next(steps) == 2 + BEFORE:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), watched(stop):
        train_autoencoder(stopped)
    (saved,) = steps_in(stopped.out / CHECKPOINTS)
    assert 3 <= saved < 5
    train_autoencoder(stopped)
    states = [state(one.out, 5) for one in (whole, stopped)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    files = [(one.out / "ae.safetensors").read_bytes() for one in (whole, stopped)]
    assert files[0] == files[1]
    assert history(stopped.out)[-1] == history(whole.out)[-1]


def state(out: Path, step: int) -> dict[str, torch.Tensor]:
    folder = step_folder(out / CHECKPOINTS, step)
    with Files(folder) as files:
        return {name: files.whole(name, saved) for name, saved in read_index(folder).items()}


def test_a_finished_run_that_is_started_again_takes_no_step_and_writes_the_same(tmp_path: Path) -> None:
    train_autoencoder(recipe(tmp_path))
    before = (tmp_path / "ae.safetensors").read_bytes()
    (tmp_path / "ae.safetensors").unlink()
    taken: list[object] = []
    with watched(taken.append):
        train_autoencoder(recipe(tmp_path))
    assert len(taken) == BEFORE
    assert (tmp_path / "ae.safetensors").read_bytes() == before


def test_what_is_written_is_the_average_of_the_weights(tmp_path: Path) -> None:
    train_autoencoder(recipe(tmp_path))
    saved = state(tmp_path, 4)
    loaded = CheckpointFolder(tmp_path).load_autoencoder().state_dict()
    assert all(torch.equal(value, saved[f"ema/{name}"]) for name, value in loaded.items())
    assert any(not torch.equal(value, saved[f"model/{name}"]) for name, value in loaded.items())


def test_a_run_of_an_earlier_version_is_told_from_ours(tmp_path: Path) -> None:
    (tmp_path / "state.safetensors").touch()
    with pytest.raises(ValueError, match=r"state\.safetensors.*cannot go on"):
        train_autoencoder(recipe(tmp_path))


def test_a_refused_run_leaves_the_recipe_of_the_one_that_is_there(tmp_path: Path) -> None:
    train_autoencoder(recipe(tmp_path, steps=2))
    written = (tmp_path / "autoencoder.yaml").read_text()
    with pytest.raises(CheckpointError, match="of another run: seed was"):
        train_autoencoder(recipe(tmp_path, steps=2, seed=17))
    assert (tmp_path / "autoencoder.yaml").read_text() == written


def test_one_seed_gives_one_autoencoder(tmp_path: Path) -> None:
    one, same, other = (
        train_autoencoder(recipe(tmp_path / name, seed=seed, steps=2))
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one == same != other
    files = [(tmp_path / name / "ae.safetensors").read_bytes() for name in ("one", "same", "other")]
    assert files[0] == files[1] != files[2]
