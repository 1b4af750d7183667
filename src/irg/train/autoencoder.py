"""Trains the embedded model's autoencoder on crops of rendered scenes.

A plain single-process loop: a pool of scenes is rendered at start-up and refreshed as it goes, the loss is
pixels plus edges, and noise on the latents keeps neighbouring latents decodable into neighbouring pictures,
which is what a flow model needs of them. Interrupted runs continue from their last checkpoint.

Shape suffixes: B crops, H and W pixels, C latent channels, h and w latent cells.
"""

import json
import time
from dataclasses import asdict, replace

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional

from irg.core.files import put_in_place, write_atomically
from irg.model import Autoencoder
from irg.model.checkpoint import CheckpointFolder
from irg.model.config import AutoencoderConfig
from irg.prep import to_pixels, to_uint8
from irg.run.metrics import LogSettings, MetricsLog
from irg.run.schedule import learning_rate_factor
from irg.train.recipe import Recipe
from irg.world.grammar import random_scene
from irg.world.oracle import read
from irg.world.render import render


class AutoencoderRecipe(Recipe):
    """What one autoencoder run does; `kind: autoencoder` in the recipe file."""

    kind: str = "autoencoder"
    seed: int = 0
    steps: int = 36_000
    batch: int = 16
    crop: int = 64
    learning_rate: float = 1e-3
    warmup: int = 200
    decay_from: float = 0.6
    ema: float = 0.999
    edge_weight: float = 1.0
    latent_noise: float = 0.1
    magnitude_weight: float = 1e-3
    pool: int = 3_000
    refresh: int = 8
    """Pictures of the pool that are drawn anew each step."""
    save_every: int = 500
    channels: tuple[int, int] = (64, 128)
    num_blocks: int = 2
    latent_channels: int = 8
    num_scenes: int = 500
    """New pictures that the finished autoencoder is measured on."""

    @property
    def config(self) -> AutoencoderConfig:
        return AutoencoderConfig("patch", self.channels, self.num_blocks, self.latent_channels)


def train_autoencoder(recipe: AutoencoderRecipe) -> dict[str, float]:
    """Run the recipe; leaves `ae.safetensors`, `ae_params.json` and `scores.json` in its folder."""
    recipe.out.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():  # the layers draw their first weights from the global generator
        torch.manual_seed(recipe.seed)
        net = Autoencoder(recipe.config)
    averaged = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
    )
    step = _resume(recipe, net, averaged, optimizer)
    rng = np.random.default_rng([recipe.seed, step])
    generator = torch.Generator().manual_seed(recipe.seed + step)
    pool = np.stack([_picture(rng) for _ in range(recipe.pool)])
    started = time.perf_counter()
    with MetricsLog(recipe.out, LogSettings(every=10), recipe.steps, start=step) as log:
        while step < recipe.steps:
            for slot in rng.integers(0, recipe.pool, recipe.refresh):
                pool[slot] = _picture(rng)
            factor = learning_rate_factor(step, recipe.steps, recipe.warmup, recipe.decay_from)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * factor
            losses = _train_step(recipe, net, optimizer, _crops(pool, recipe, rng), generator)
            _update_average(averaged, net, min(recipe.ema, (step + 1) / (step + 10)))
            step += 1
            log.record(step, losses, {"seconds": time.perf_counter() - started})
            if step % recipe.save_every == 0 or step == recipe.steps:
                _save(recipe, net, averaged, optimizer, step)
    return finish(recipe, averaged, recipe.num_scenes)


def _train_step(
    recipe: AutoencoderRecipe,
    net: Autoencoder,
    optimizer: torch.optim.Optimizer,
    crop_BCHW: torch.Tensor,
    generator: torch.Generator,
) -> dict[str, float]:
    with torch.autocast(crop_BCHW.device.type, torch.bfloat16):
        latent_BChw = net.encode(crop_BCHW)
        noise = torch.randn(latent_BChw.shape, generator=generator)
        decoded_BCHW = net.decode(latent_BChw + recipe.latent_noise * noise)
    decoded_BCHW = decoded_BCHW.float()
    pixel = functional.smooth_l1_loss(decoded_BCHW, crop_BCHW, beta=0.05)
    below, right = (
        functional.l1_loss(decoded_BCHW.diff(dim=axis), crop_BCHW.diff(dim=axis)) for axis in (2, 3)
    )
    edge = below + right
    magnitude = latent_BChw.float().square().mean()
    loss = pixel + recipe.edge_weight * edge + recipe.magnitude_weight * magnitude
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    psnr = -10 * torch.log10((decoded_BCHW - crop_BCHW).square().mean() / 4)
    return {
        name: value.item()
        for name, value in zip(("loss", "pixel", "edge", "psnr"), (loss, pixel, edge, psnr), strict=True)
    }


def finish(
    recipe: AutoencoderRecipe, averaged: dict[str, torch.Tensor], num_scenes: int = 500
) -> dict[str, float]:
    """Measure the averaged weights on new scenes, fix scale and shift to unit variance, write the files."""
    net = Autoencoder(recipe.config)
    net.load_state_dict(averaged)
    rng = np.random.default_rng([recipe.seed, 2**31])
    scenes = [random_scene(rng, allow_held_out=True) for _ in range(num_scenes)]
    squared, kept, latents = [], 0, []
    with torch.inference_mode():
        for scene in scenes:
            picture = render(scene)
            image = to_pixels([Image.fromarray(picture)])
            latent = net.moments(image).mean
            decoded = net.decode(latent)
            latents.append(latent)
            squared.append(float((decoded - image).square().mean()))
            kept += read(to_uint8(decoded)[0]).scene.same_content(scene)
    everything = torch.cat(latents)
    config = replace(recipe.config, scale=float(1 / everything.std()), shift=float(everything.mean()))
    scores = {
        "psnr": float(np.mean([-10 * np.log10(error / 4) for error in squared])),
        "read_back": kept / num_scenes,
        "num_scenes": num_scenes,
        "scale": config.scale,
        "shift": config.shift,
    }
    measured = Autoencoder(config)
    measured.load_state_dict(averaged)
    CheckpointFolder(recipe.out).save_autoencoder(measured)
    write_atomically(recipe.out / "ae_params.json", json.dumps(asdict(config), indent=1))
    write_atomically(recipe.out / "scores.json", json.dumps(scores, indent=1))
    return scores


def _picture(rng: np.random.Generator) -> np.ndarray:
    return render(random_scene(rng, allow_held_out=True))


def _crops(pool: np.ndarray, recipe: AutoencoderRecipe, rng: np.random.Generator) -> torch.Tensor:
    size, limit = recipe.crop, pool.shape[1] - recipe.crop
    which = rng.integers(0, len(pool), recipe.batch)
    corners = rng.integers(0, limit + 1, (recipe.batch, 2))
    crops = [pool[i, y : y + size, x : x + size] for i, (y, x) in zip(which, corners, strict=True)]
    return to_pixels([Image.fromarray(crop) for crop in crops]).contiguous(memory_format=torch.channels_last)


def _update_average(averaged: dict[str, torch.Tensor], net: torch.nn.Module, decay: float) -> None:
    for name, value in net.state_dict().items():
        averaged[name].lerp_(value, 1 - decay)


def _save(
    recipe: AutoencoderRecipe,
    net: torch.nn.Module,
    averaged: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"ema.{name}": value for name, value in averaged.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    path = recipe.out / "state.safetensors"
    partial = path.with_suffix(".partial")
    save_file(
        {name: value.contiguous() for name, value in tensors.items()}, partial, metadata={"step": str(step)}
    )
    put_in_place(partial, path)


def _resume(
    recipe: AutoencoderRecipe,
    net: torch.nn.Module,
    averaged: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> int:
    """Load the last checkpoint, if there is one; returns the steps already done."""
    path = recipe.out / "state.safetensors"
    if not path.exists():
        return 0
    tensors = load_file(path)
    net.load_state_dict({name[4:]: value for name, value in tensors.items() if name.startswith("net.")})
    averaged.update({name[4:]: value for name, value in tensors.items() if name.startswith("ema.")})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("adam."):
            _, index, field = name.split(".")
            state.setdefault(int(index), {})[field] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return int(state[0]["step"])
