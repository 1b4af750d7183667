"""One of two training processes, as torchrun starts them: what `test_loop` runs and asks for an account.

    python -m tests.train.two_processes RECIPE OUT

It averages the gradients of one row, then trains. OUT gets the averaged gradients and, for every step of the
run, a digest of all weights.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch.optim import Optimizer

from irg.core import Sequence
from irg.data.modes import Dropout, Mode, Noising
from irg.data.scenes import Preparer
from irg.model import UnifiedModel
from irg.train.loop import TrainRecipe, _average_gradients, backward, train
from irg.train.recipes import read_recipe
from irg.train.scene_data import Mixture, SceneData
from tests.data.small import random_autoencoder, random_model, tokenizer
from tests.train.steps import watched

MODES = (Mode.DIRECT, Mode.QUESTION)
"""Of each process: rows of the second one leave the generation expert without gradients."""


def documents(rank: int) -> list[tuple[Mode, Sequence]]:
    """The row of one process."""
    prepare = Preparer(random_model(), random_autoencoder(), tokenizer())
    mixture = Mixture({MODES[rank]: 1.0}, Noising(), Dropout())
    data = SceneData(mixture, prepare, 4, 0, np.random.default_rng(rank))
    return data.documents(2, torch.Generator().manual_seed(rank))


def gradients(model: UnifiedModel) -> dict[str, torch.Tensor]:
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def digest(optimizer: Optimizer) -> str:
    content = hashlib.sha256()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            content.update(parameter.detach().numpy().tobytes())
    return content.hexdigest()


def main(recipe_file: Path, out: Path) -> None:
    recipe = read_recipe(recipe_file, [])
    assert isinstance(recipe, TrainRecipe)
    dist.init_process_group("gloo")
    rank = int(os.environ["RANK"])
    model = random_model()
    backward(model, documents(rank), tokenizer(), recipe)
    _average_gradients(model, 2)
    save_file(gradients(model), out / f"{rank}.safetensors")
    digests: list[str] = []
    with watched(lambda optimizer: digests.append(digest(optimizer))):
        train(recipe)
    (out / f"{rank}.json").write_text(json.dumps(digests))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
