"""The training loop of the unified model.

One process, or several with averaged gradients under torchrun. Weights and optimizer are float32, the
arithmetic bfloat16. Interrupted runs continue from their last checkpoint.
"""

import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import nn

from irg.core import IGNORE, Sequence, pack
from irg.core.files import put_in_place
from irg.data.modes import Dropout, Mode, Noising
from irg.data.scenes import Preparer
from irg.model import PaddedAttend, UnifiedModel, embedded
from irg.model.checkpoint import load_autoencoder, load_model, save_autoencoder, save_model
from irg.model.config import AutoencoderConfig, ModelConfig
from irg.pipeline import Settings
from irg.prep import Tokenizer
from irg.train.losses import flow_losses, token_losses
from irg.train.metrics import MetricsLog
from irg.train.optimizers import OptimizerPair
from irg.train.recipe import Recipe
from irg.train.scene_data import Mixture, SampleShares, SceneData
from irg.train.schedule import learning_rate_factor


class TrainRecipe(Recipe):
    """What one run of the unified model does; `kind: unified` in the recipe file."""

    kind: str = "unified"
    base: Path
    """Folder with the tokenizer and the autoencoder."""
    init: Path | None = None
    """Checkpoint folder to start from; without one, weights are drawn at random."""
    seed: int = 0
    steps: int
    stop_at: int | None = None
    """Leave off after this step, though the learning rate follows the schedule of all `steps`."""
    documents: int = 24
    """Documents per step and process."""
    modes: dict[Mode, float]
    shift: float = 3.0
    copies: int = 2
    text_dropout: float = 0.1
    image_dropout: float = 0.1
    matrix_rate: float = 5e-3
    other_rate: float = 3e-3
    warmup: int = 100
    decay_from: float = 0.5
    ema: float = 0.999
    clip: float = 1.0
    text_weight: float = 1.0
    flow_weight: float = 1.0
    pool: int = 8000
    refresh: int = 8
    samples: tuple[Path, ...] = ()
    """Folders of pictures the model drew itself, for image 1 of improving documents."""
    sample_share: float = 0.7
    flawed_share: float = 0.6
    """Of the own pictures used, how many are flawed."""
    save_every: int = 200
    settings: Settings | None = None
    """How the finished checkpoint wants to be used: its `irg.json`. None keeps that of `init`."""


def train(recipe: TrainRecipe) -> Path:
    """Run the recipe; leaves a checkpoint folder of averaged weights at `recipe.out / "checkpoint"`."""
    rank, world = _join()
    recipe.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_folder(recipe.base)
    autoencoder = load_autoencoder(recipe.base, dtype=torch.float32)
    model = _start(recipe, tokenizer, autoencoder.config)
    averaged = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = OptimizerPair(model, recipe.matrix_rate, recipe.other_rate)
    step = _resume(recipe, model, averaged, optimizer)
    rng = np.random.default_rng([recipe.seed, step, rank])
    generator = torch.Generator().manual_seed((recipe.seed * 1_000_003 + step) * 1024 + rank)
    prepare = Preparer(model, autoencoder, tokenizer)
    noising, dropout = (
        Noising(recipe.shift, recipe.copies),
        Dropout(recipe.text_dropout, recipe.image_dropout),
    )
    data = SceneData(Mixture(recipe.modes, noising, dropout), prepare, recipe.pool, recipe.refresh, rng)
    if recipe.samples:
        shares = SampleShares(recipe.sample_share, recipe.flawed_share)
        print(f"own pictures: {data.add_samples(recipe.samples, shares, prepare)}")
    started, last = time.perf_counter(), recipe.stop_at or recipe.steps
    with MetricsLog(recipe.out / "metrics.jsonl", total=last, start=step, silent=rank > 0) as log:
        while step < last:
            documents = data.documents(recipe.documents, generator)
            losses = backward(model, documents, tokenizer, recipe)
            _average_gradients(model, world)
            norm = nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step(learning_rate_factor(step, recipe.steps, recipe.warmup, recipe.decay_from))
            _update_average(averaged, model, min(recipe.ema, (step + 1) / (step + 10)))
            step += 1
            log.record(step, losses, norm=norm.item(), seconds=time.perf_counter() - started)
            if rank == 0 and (step % recipe.save_every == 0 or step == last):
                # The state comes last: a run that was stopped in between does these steps again.
                _export(recipe, averaged, model.config, tokenizer)
                save_autoencoder(autoencoder, recipe.out / "checkpoint")
                _save_state(recipe, model, averaged, optimizer, step)
    if world > 1:
        dist.destroy_process_group()
    return recipe.out / "checkpoint"


def backward(
    model: UnifiedModel, documents: list[tuple[Mode, Sequence]], tokenizer: Tokenizer, recipe: TrainRecipe
) -> dict[str, float]:
    """Forward and backward over one packed row; returns the mean losses, overall and per mode."""
    packed = pack([document for _, document in documents], tokenizer.special)
    with torch.autocast("cpu", torch.bfloat16):
        streams = model(packed, PaddedAttend(packed))
        text_N = token_losses(model, packed, streams)
        flow_M = flow_losses(model, packed, streams).mean(dim=-1)
    total = torch.zeros(())
    if len(text_N):
        total = total + recipe.text_weight * text_N.mean()
    if len(flow_M):
        total = total + recipe.flow_weight * flow_M.mean()
    total.backward()
    text_document_N = packed.document_T[packed.understanding_index_U]
    text_document_N = text_document_N[packed.label_T[packed.understanding_index_U] != IGNORE]
    flow_document_M = packed.document_T[packed.latent_index_M][packed.has_target_M]
    names = [str(mode) for mode, _ in documents]
    by_mode = _means("text", text_N, text_document_N, names) | _means("flow", flow_M, flow_document_M, names)
    return {"loss": total.item()} | dict(sorted(by_mode.items()))


def _means(what: str, loss_N: torch.Tensor, document_N: torch.Tensor, modes: list[str]) -> dict[str, float]:
    collected: dict[str, list[float]] = defaultdict(list)
    for value, document in zip(loss_N.tolist(), document_N.tolist(), strict=True):
        collected[f"{what}/{modes[document]}"].append(value)
    return {name: float(np.mean(values)) for name, values in collected.items()}


def _join() -> tuple[int, int]:
    """Rank and number of processes; joins torchrun's group if there is one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("gloo")
    return int(os.environ.get("RANK", "0")), world


def _average_gradients(model: nn.Module, world: int) -> None:
    if world == 1:
        return
    grads = [
        torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for parameter in model.parameters()
    ]
    flat = torch.cat([grad.flatten() for grad in grads])
    dist.all_reduce(flat)
    flat /= world
    for parameter, grad in zip(model.parameters(), flat.split([grad.numel() for grad in grads]), strict=True):
        parameter.grad = grad.view_as(parameter)


def _start(recipe: TrainRecipe, tokenizer: Tokenizer, autoencoder: AutoencoderConfig) -> UnifiedModel:
    if recipe.init is not None:
        model = load_model(recipe.init, dtype=torch.float32)
        if model.config.autoencoder != autoencoder:
            raise ValueError(f"{recipe.init} was trained with another autoencoder than that of {recipe.base}")
    else:
        sizes = embedded(tokenizer.size)
        model = UnifiedModel(
            ModelConfig(sizes.decoder, sizes.vision, autoencoder, sizes.latent_patch, sizes.latent_side)
        )
        initialise(model, torch.Generator().manual_seed(recipe.seed))
    model.latent_positions.reset()
    model.view_positions.reset()
    return model.train()


def initialise(model: UnifiedModel, generator: torch.Generator) -> None:
    """Small normal matrices; layers that write into the residual stream, and the flow head, start at zero."""
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            if not name.endswith("norm.weight"):
                nn.init.zeros_(parameter)
        elif name.endswith(("output.weight", "down.weight", "latent_out.weight")) and "timestep" not in name:
            nn.init.zeros_(parameter)
        else:
            std = 0.02 if "embedding" in name else parameter.shape[1] ** -0.5
            nn.init.normal_(parameter, std=std, generator=generator)


def _update_average(averaged: dict[str, torch.Tensor], model: nn.Module, decay: float) -> None:
    names = list(averaged)
    state = model.state_dict()
    old, new = [averaged[name] for name in names], [state[name] for name in names]
    torch._foreach_lerp_(old, new, 1 - decay)  # pyright: ignore[reportPrivateImportUsage] - has no other name


def _export(
    recipe: TrainRecipe, averaged: dict[str, torch.Tensor], config: ModelConfig, tokenizer: Tokenizer
) -> None:
    """The averaged weights in the reference's folder layout, bfloat16."""
    folder = recipe.out / "checkpoint"
    model = UnifiedModel(config)
    model.load_state_dict(averaged)
    save_model(model.to(torch.bfloat16), folder, "ema_bf16.safetensors")
    tokenizer.save(folder)
    inherited = Settings.from_folder(recipe.init) if recipe.init is not None else Settings()
    (recipe.settings or inherited).save(folder)


def _save_state(
    recipe: TrainRecipe,
    model: nn.Module,
    averaged: dict[str, torch.Tensor],
    optimizer: OptimizerPair,
    step: int,
) -> None:
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"ema/{name}": value for name, value in averaged.items()}
    tensors |= {f"optimizer/{name}": value for name, value in optimizer.tensors().items()}
    tensors["step"] = torch.tensor(step)
    path = recipe.out / "state.safetensors"
    partial = path.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial)
    put_in_place(partial, path)


def _resume(
    recipe: TrainRecipe, model: nn.Module, averaged: dict[str, torch.Tensor], optimizer: OptimizerPair
) -> int:
    """Load the last state, if there is one; returns the steps already done."""
    path = recipe.out / "state.safetensors"
    if not path.exists():
        return 0
    parts: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for name, value in load_file(path).items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    model.load_state_dict(parts["model"])
    averaged.update(parts["ema"])
    optimizer.load_tensors(parts["optimizer"].items())
    return int(parts["step"][""])
