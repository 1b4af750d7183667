"""Training the unified model: from a recipe to a run, and from the run to a checkpoint folder.

irg train RECIPE.yaml
torchrun --nproc-per-node N -m irg train RECIPE.yaml
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from irg.core import Document
from irg.core.digest import digest_of
from irg.core.output import refuse_to_replace
from irg.data.compose import Composer
from irg.model.checkpoint import CheckpointFolder
from irg.model.weights import content_of_weights
from irg.run.loop import CHECKPOINTS, Run, already, newest_step
from irg.run.parallel import Layout, Precision, joined
from irg.run.settings import RunSettings
from irg.terminal import err
from irg.train.assemble import RunParts, build, parts_of
from irg.train.dataset import StoredFeed, data_of
from irg.train.evaluation import UnifiedEvaluator
from irg.train.export import EXPORT, Choice, export_run, read_from
from irg.train.objective import PackedForward, UnifiedObjective
from irg.train.settings import TrainRecipe
from irg.train.settling import settled

EXPORTED = "checkpoint"
"""In a run's folder: the finished model."""

UnifiedRun = Run[tuple[tuple[Document, ...], ...], PackedForward]


def train(recipe: TrainRecipe, resume: bool = False, strict: bool = False) -> Path:
    """Run the recipe; leaves a checkpoint folder of averaged weights at `recipe.out / "checkpoint"`.

    `resume` goes on from the newest checkpoint in `recipe.out`, if there is one; without it, a folder that
    already holds a run is an error. `strict` stops at the first row that cannot be used. Asked to stop (by
    Ctrl-C or SIGTERM), it saves its state after the current step and raises KeyboardInterrupt.
    """
    if not resume and (step := newest_step(recipe.out)) is not None:  # known before a model is loaded
        raise already(recipe.out, step)
    decided = settled(recipe, parts_of(recipe, weights=False))
    recipe = decided.recipe
    with joined(recipe.device) as layout, _at_work(recipe, layout):
        for note in decided.notes if layout.is_first else ():
            err.print(note, style="yellow", markup=False, soft_wrap=True)
        run = run_of(recipe, layout, strict)
        run.begin(resume)
        if layout.is_first:
            recipe.save()
        run.go_on()
        return finish(recipe, run)


def run_of(recipe: TrainRecipe, layout: Layout, strict: bool = False) -> UnifiedRun:
    """The run that a recipe describes, not yet begun."""
    parts = parts_of(recipe)
    network = build(recipe, parts.config, layout)
    with _first_alone(layout):  # the others find its survey of the data
        data = data_of(recipe, recipe.data, parts, layout.world, strict)
    precise = recipe.parallel.precision is Precision.FLOAT32
    autoencoder = parts.autoencoder(layout.device, torch.float32 if precise else torch.bfloat16)
    composer = Composer(parts.config, autoencoder, recipe.noising, recipe.dropout, recipe.remember)
    objective = UnifiedObjective(
        network,
        composer,
        parts.tokenizer.special,
        layout,
        recipe.parallel,
        recipe.loss,
        recipe.batch.accumulate,
    )
    evaluator = UnifiedEvaluator(recipe, parts, objective, strict) if recipe.evaluation else None
    feed = StoredFeed(data, layout, recipe.workers, strict)
    return Run(objective, feed, _settings(recipe, parts), layout, evaluator)


def finish(recipe: TrainRecipe, run: UnifiedRun) -> Path:
    """Export the averaged weights as a checkpoint folder, and tell of what the data lacked."""
    run.report()
    folder = recipe.out / EXPORTED
    if run.layout.is_first:
        assert isinstance(run.feed, StoredFeed)
        for stream, count in run.feed.missing.items():
            err.print(f"{count} steps had no room for a document of {stream}", style="yellow")
        export_run(recipe, recipe.out / CHECKPOINTS, folder, Choice(run.step))
    run.layout.wait()
    return folder


def _settings(recipe: TrainRecipe, parts: RunParts) -> RunSettings:
    return RunSettings(
        out=recipe.out,
        identity=_identity(recipe, parts),
        optimizer=recipe.optimizer,
        seed=recipe.seed,
        steps=recipe.steps,
        stop_at=recipe.stop_at,
        schedule=recipe.schedule,
        clip=recipe.clip,
        non_finite=recipe.non_finite,
        ema=recipe.ema,
        ema_warmup=recipe.ema_warmup,
        checkpoint=recipe.checkpoint,
        log=recipe.log,
    )


def _identity(recipe: TrainRecipe, parts: RunParts) -> dict[str, Any]:
    """What must not change between a run and its continuation: of files what is in them, wherever they lie.

    The rows of stored data are compared by the plan (`irg.data.plan`).
    """
    kept = {"preset", "seed", "data", "batch", "freeze", "lora", "noising", "dropout"}
    content = recipe.model_dump(mode="json", include=kept, exclude={"data": {"__all__": {"path"}}})
    began = CheckpointFolder.find(recipe.init) if recipe.init is not None else None
    return content | {
        "optimizer": str(recipe.optimizer.kind),
        "model": asdict(parts.config),
        "weights of init": began and began.weights_content(),
        "autoencoder": content_of_weights(parts.folder.autoencoder_file),
        "tokenizer": digest_of(parts.tokenizer.fast.to_str()),
        "system prompt": parts.settings.system_prompt,
    }


@contextmanager
def _at_work(recipe: TrainRecipe, layout: Layout) -> Iterator[None]:
    """The first process holds the run's folder for all of them."""
    if layout.is_first:
        with recipe.at_work(vouched=newest_step(recipe.out) is not None):
            refuse_to_replace(recipe.out / EXPORTED, EXPORT, read_from(recipe))
            yield
    else:
        yield


@contextmanager
def _first_alone(layout: Layout) -> Iterator[None]:
    """The first process goes through the block before the others."""
    if not layout.is_first:
        layout.wait()
    yield
    if layout.is_first:
        layout.wait()
