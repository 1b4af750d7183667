"""Trains the embedded model's patch autoencoder on crops of rendered scenes.

A pool of scenes is rendered at start-up and refreshed as it goes, the loss is pixels plus edges, and noise on
the latents keeps neighbouring latents decodable into neighbouring pictures, which is what a flow model needs
of them. It runs on one process, on the CPU. A folder that holds a run goes on from its last checkpoint.

Shape suffixes: B crops, H and W pixels, C latent channels, h and w latent cells, K terms of the loss.
"""

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from irg.core.files import write_atomically
from irg.core.recipe import Recipe
from irg.core.settings import Seed
from irg.model import Autoencoder
from irg.model.checkpoint import CheckpointFolder
from irg.model.config import AutoencoderConfig
from irg.model.hollow import hollow
from irg.prep import to_pixels, to_uint8
from irg.run.loop import FedStep, Run, newest_step
from irg.run.metrics import LogSettings
from irg.run.optimizers import OptimizerSettings
from irg.run.parallel import joined
from irg.run.rng import decoded, encoded
from irg.run.schedule import RateCurve, ScheduleSettings
from irg.run.settings import RunSettings, SavingSettings
from irg.run.step import Sums
from irg.world.grammar import random_scene
from irg.world.oracle import read
from irg.world.render import render

PARTS = "folder of parts"
"""The kind of folder in which the embedded model's tokenizer and autoencoder are made."""


class AutoencoderRecipe(Recipe):
    """What one autoencoder run does; `kind: autoencoder` in the recipe file."""

    makes: ClassVar[str] = PARTS
    kind: str = "autoencoder"
    seed: Seed = 0
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
    """Run the recipe; leaves `ae.safetensors`, `ae_params.json` and `scores.json` in its folder.

    Asked to stop, it saves its state after the current step and raises KeyboardInterrupt.
    """
    if (recipe.out / "state.safetensors").exists() and newest_step(recipe.out) is None:
        raise ValueError(
            f"{recipe.out} holds a run of an earlier version (state.safetensors), which cannot go on: delete "
            "that file to begin anew, or name another folder with out=DIR"
        )
    with joined("cpu") as layout:
        if layout.world > 1:
            raise ValueError(f"the embedded model's autoencoder trains on one process, not {layout.world}")
        with recipe.at_work(vouched=newest_step(recipe.out) is not None):
            run = Run(
                AutoencoderObjective(recipe, new_autoencoder(recipe)),
                CropFeed(recipe),
                _settings(recipe),
                layout,
            )
            run.begin(resume=True)
            recipe.save()
            run.go_on()
            return finish(recipe, run.average.values)


def new_autoencoder(recipe: AutoencoderRecipe) -> Autoencoder:
    """With its first weights, which only the recipe decides."""
    with torch.random.fork_rng():  # the layers draw them from the global generator
        torch.manual_seed(recipe.seed)
        return Autoencoder(recipe.config)


def _settings(recipe: AutoencoderRecipe) -> RunSettings:
    kept = {"kind", "seed", "batch", "crop", "pool", "refresh", "channels", "num_blocks", "latent_channels"}
    return RunSettings(
        out=recipe.out,
        identity=recipe.model_dump(mode="json", include=kept),
        optimizer=OptimizerSettings(rate=recipe.learning_rate, betas=(0.9, 0.99), eps=1e-8),
        seed=recipe.seed,
        steps=recipe.steps,
        schedule=ScheduleSettings(kind=RateCurve.LINEAR, warmup=recipe.warmup, decay_from=recipe.decay_from),
        ema=recipe.ema,
        ema_warmup=True,
        checkpoint=SavingSettings(every=recipe.save_every, keep=1),
        log=LogSettings(every=10),
    )


@dataclass(frozen=True, eq=False)
class Crops:
    """A step's pieces of pictures, and the noise that their latents get: one forward."""

    pixel_BCHW: torch.Tensor
    noise_BChw: torch.Tensor
    flops: float = 0.0

    @property
    def weight_K(self) -> torch.Tensor:
        """Every term is a mean already."""
        return torch.ones(len(AutoencoderObjective.names))

    @property
    def documents(self) -> int:
        return len(self.pixel_BCHW)

    @property
    def tokens(self) -> int:
        """Latent cells."""
        return self.noise_BChw[:, 0].numel()


@dataclass(frozen=True, eq=False)
class AutoencoderObjective:
    """Pixels, edges, and latents that stay small: each a mean over the crops."""

    recipe: AutoencoderRecipe
    model: Autoencoder

    names = ("pixel", "edge", "magnitude")
    parts = ("psnr",)

    @property
    def network(self) -> Autoencoder:
        return self.model

    @property
    def terms(self) -> dict[str, float]:
        weights = (1.0, self.recipe.edge_weight, self.recipe.magnitude_weight)
        return dict(zip(self.names, weights, strict=True))

    def is_hidden(self, name: str) -> bool:
        return False  # convolutions all

    def forwards(self, rows: Crops) -> list[Crops]:
        return [replace(rows, flops=self._flops)]

    def __call__(self, forward: Crops) -> Sums:
        crop_BCHW = forward.pixel_BCHW
        with torch.autocast(crop_BCHW.device.type, torch.bfloat16):
            latent_BChw = self.model.encode(crop_BCHW)
            decoded_BCHW = self.model.decode(latent_BChw + self.recipe.latent_noise * forward.noise_BChw)
        decoded_BCHW = decoded_BCHW.float()
        pixel = functional.smooth_l1_loss(decoded_BCHW, crop_BCHW, beta=0.05)
        below, right = (
            functional.l1_loss(decoded_BCHW.diff(dim=axis), crop_BCHW.diff(dim=axis)) for axis in (2, 3)
        )
        magnitude = latent_BChw.float().square().mean()
        psnr = -10 * torch.log10((decoded_BCHW.detach() - crop_BCHW).square().mean() / 4)
        return Sums(torch.stack([pixel, below + right, magnitude]), psnr.double()[None], torch.ones(1))

    @cached_property
    def _flops(self) -> float:
        """Of a step: two for every product forward, four backward."""
        with hollow():
            model = Autoencoder(self.recipe.config)
            crops = torch.empty(self.recipe.batch, 3, self.recipe.crop, self.recipe.crop)
        with FlopCounterMode(display=False) as counter:
            model.decode(model.encode(crops))
        return 3.0 * counter.get_total_flops()


class CropFeed:
    """Crops of a pool of pictures, of which a few are drawn anew each step.

    Its state holds no pictures, only where the generator stood when each was drawn.
    """

    known = ()

    def __init__(self, recipe: AutoencoderRecipe) -> None:
        self.recipe = recipe
        self._rng = np.random.default_rng([recipe.seed, 0])
        self._noise = torch.Generator().manual_seed(recipe.seed)
        self._drawn: list[Any] = []
        self._pool = np.empty(0)

    def restore(self, state: dict[str, Any]) -> None:
        pictures = []
        for drawn in state["drawn"]:
            self._rng.bit_generator.state = drawn
            pictures.append(picture(self._rng))
        self._pool, self._drawn = np.stack(pictures), list(state["drawn"])
        self._rng.bit_generator.state = state["rng"]
        self._noise.set_state(decoded(state["noise"]))

    def __iter__(self) -> Generator[FedStep[Crops]]:
        recipe = self.recipe
        shape = (recipe.latent_channels, *[recipe.crop // recipe.config.downsample] * 2)
        if not self._drawn:
            self._drawn = [None] * recipe.pool
            self._pool = np.stack([self._new(slot) for slot in range(recipe.pool)])
        while True:
            for slot in self._rng.integers(0, recipe.pool, recipe.refresh):
                self._pool[slot] = self._new(slot)
            pixels = crops(self._pool, recipe, self._rng)
            noise = torch.randn(recipe.batch, *shape, generator=self._noise)
            yield FedStep(Crops(pixels, noise), self._state())

    def _new(self, slot: int) -> np.ndarray:
        self._drawn[slot] = self._rng.bit_generator.state
        return picture(self._rng)

    def _state(self) -> dict[str, Any]:
        rng, noise = self._rng.bit_generator.state, encoded(self._noise.get_state())
        return {"rng": rng, "drawn": list(self._drawn), "noise": noise}


def finish(recipe: AutoencoderRecipe, averaged: dict[str, torch.Tensor]) -> dict[str, float]:
    """Measure the averaged weights on new scenes, fix scale and shift to unit variance, write the files."""
    net = Autoencoder(recipe.config)
    net.load_state_dict(averaged)
    rng = np.random.default_rng([recipe.seed, 2**31])
    scenes = [random_scene(rng, allow_held_out=True) for _ in range(recipe.num_scenes)]
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
        "read_back": kept / recipe.num_scenes,
        "num_scenes": recipe.num_scenes,
        "scale": config.scale,
        "shift": config.shift,
    }
    measured = Autoencoder(config)
    measured.load_state_dict(averaged)
    CheckpointFolder(recipe.out).save_autoencoder(measured)
    write_atomically(recipe.out / "ae_params.json", json.dumps(asdict(config), indent=1))
    write_atomically(recipe.out / "scores.json", json.dumps(scores, indent=1))
    return scores


def picture(rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] of a scene."""
    return render(random_scene(rng, allow_held_out=True))


def crops(pool: np.ndarray, recipe: AutoencoderRecipe, rng: np.random.Generator) -> torch.Tensor:
    """[B, 3, H, W] pieces of pictures of the pool."""
    size, limit = recipe.crop, pool.shape[1] - recipe.crop
    which = rng.integers(0, len(pool), recipe.batch)
    corners = rng.integers(0, limit + 1, (recipe.batch, 2))
    pieces = [pool[i, y : y + size, x : x + size] for i, (y, x) in zip(which, corners, strict=True)]
    return to_pixels([Image.fromarray(piece) for piece in pieces]).contiguous(
        memory_format=torch.channels_last
    )
