"""How a run of the unified model begins, whatever it learns: its folder, what it is told, and what must not
change between a run and its continuation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from irg.core.digest import digest_of
from irg.core.output import refuse_to_replace
from irg.model.checkpoint import CheckpointFolder
from irg.model.weights import content_of_weights
from irg.run.assemble import RunParts
from irg.run.export import EXPORT, read_from
from irg.run.loop import newest_step
from irg.run.model_recipe import ModelRecipe
from irg.run.parallel import Layout
from irg.run.settings import RunSettings

EXPORTED = "checkpoint"
"""In a run's folder: the finished model."""
_KEPT = {"preset", "seed", "data", "batch", "freeze", "lora", "noising", "dropout"}


def run_settings(recipe: ModelRecipe, parts: RunParts, kept: Mapping[str, Any] | None = None) -> RunSettings:
    """What the recipe tells its run. `kept`, as JSON, must not change in it, beside what is every run's."""
    return RunSettings(
        out=recipe.out,
        identity=_identity(recipe, parts) | dict(kept or {}),
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


@contextmanager
def at_work(recipe: ModelRecipe, layout: Layout) -> Iterator[None]:
    """The first process holds the run's folder for all of them."""
    if layout.is_first:
        with recipe.at_work(vouched=newest_step(recipe.out) is not None):
            refuse_to_replace(recipe.out / EXPORTED, EXPORT, read_from(recipe))
            yield
    else:
        yield


@contextmanager
def first_alone(layout: Layout) -> Iterator[None]:
    """The first process goes through the block before the others."""
    if not layout.is_first:
        layout.wait()
    yield
    if layout.is_first:
        layout.wait()


def _identity(recipe: ModelRecipe, parts: RunParts) -> dict[str, Any]:
    """Of files what is in them, wherever they lie. The rows of stored data are compared by the plan
    (`irg.data.plan`)."""
    excluded = {"data": {"__all__": {"path"}}}
    content = recipe.model_dump(mode="json", include=_KEPT, exclude=excluded)
    began = CheckpointFolder.find(recipe.init) if recipe.init is not None else None
    return content | {
        "optimizer": str(recipe.optimizer.kind),
        "model": asdict(parts.config),
        "weights of init": began and began.weights_content(),
        "autoencoder": content_of_weights(parts.folder.autoencoder_file),
        "tokenizer": digest_of(parts.tokenizer.fast.to_str()),
        "system prompt": parts.settings.system_prompt,
    }
