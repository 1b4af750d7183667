"""What a training run leaves, without the training."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from irg.model import UnifiedModel
from irg.run.assemble import build, parts_of
from irg.run.average import Average
from irg.run.checkpoint import Checkpoints
from irg.run.parallel import Layout
from irg.run.state import model_state
from irg.train.settings import TrainRecipe

STEP = 4


def recipe(start: Path, out: Path, **changes: Any) -> TrainRecipe:
    content = {"kind": "unified", "init": str(start), "out": out, "steps": 9, "data": [{"path": "unread"}]}
    return TrainRecipe.model_validate(content | {"batch": {"tokens": 999}} | changes)


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run leaves, as if its weights had changed."""

    recipe: TrainRecipe
    model: UnifiedModel
    average: dict[str, torch.Tensor]
    states: Path


def trained(recipe: TrainRecipe, change: float = 0.1, frozen: bool = True) -> Trained:
    """With a checkpoint of step 4 in `recipe.out / "checkpoints"`."""
    config = parts_of(recipe).config
    model = build(recipe, config, Layout(0, 1, torch.device("cpu"))).model
    average = Average(model, 0.9, False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += change * torch.randn(parameter.shape, generator=generator)
    average.update(1)
    checkpoints = Checkpoints(recipe.out / "checkpoints", 2, {"model": asdict(config)})
    checkpoints.save(STEP, {"model": model_state(model, frozen), "ema": average.values}, {})
    checkpoints.wait()
    return Trained(recipe, model, average.values, checkpoints.folder)
