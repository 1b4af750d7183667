"""Lets a model draw first pictures for training prompts: image 1 of improving episodes, mistakes and all."""

import os
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from irg.core.events import Done
from irg.data.scenes import training_prompt
from irg.data.store import Sample, write_samples
from irg.pipeline import load_pipeline
from irg.train.recipe import Recipe


class SamplesRecipe(Recipe):
    """`kind: samples` in the recipe file."""

    kind: str = "samples"
    model: Path
    count: int
    seed: int = 0
    batch: int = 64


def draw_samples(recipe: SamplesRecipe) -> Path:
    """Draw `count` pictures in shards of `batch`. Finished ones stay; torchrun's processes share the work."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    pipeline = load_pipeline(recipe.model, dtype=torch.bfloat16)
    plan = pipeline.settings.plan(turns=1)
    for shard in track(range(rank, -(-recipe.count // recipe.batch), world), description="drawing"):
        if (recipe.out / f"{shard:05d}.safetensors").exists():
            continue
        rng = np.random.default_rng([recipe.seed, shard])
        prompts = [
            training_prompt(rng) for _ in range(min(recipe.batch, recipe.count - shard * recipe.batch))
        ]
        seeds = [recipe.seed * 1_000_003 + shard * recipe.batch + row for row in range(len(prompts))]
        samples = [
            Sample(
                event.trace.prompt, event.trace.turns[0].thought or "", np.asarray(event.trace.turns[0].image)
            )
            for _, event in pipeline.generate_batch(prompts, plan, seeds)
            if isinstance(event, Done)
        ]
        write_samples(recipe.out, f"{shard:05d}", samples)
    return recipe.out
