"""Steps of optimizers over sharded parameters, in two processes, beside the same steps over whole ones.

`compare` starts the processes; each layout and kind gives the largest difference of any weight.
"""

import json
import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from irg.model import UnifiedModel, tiny
from irg.run.optimizers import Optimizers, OptimizerSettings

SETTINGS = {
    "adamw": OptimizerSettings(rate=1e-2, weight_decay=0.1),
    "muon": OptimizerSettings.model_validate({"kind": "muon", "rate": 1e-2, "matrix_rate": 2e-2}),
    "adamw8bit": OptimizerSettings.model_validate({"kind": "adamw8bit", "rate": 1e-2}),
}
MESHES = {"sharded": (1, 2), "replicated": (2, 1)}
UNUSED = "vision."
"""Has no gradient in the first step."""


def fresh() -> UnifiedModel:
    """A tiny model of one layer each with seeded weights. Its vocabulary does not divide by two."""
    config = tiny(vocabulary=303)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = UnifiedModel(config)
    model.decoder.layers = nn.ModuleList(model.decoder.layers[:1])
    model.vision.layers = nn.ModuleList(model.vision.layers[:1])
    return model


def set_gradients(model: nn.Module, step: int) -> None:
    """The same gradients for every layout of the model; in step 0 a part of it has none."""
    generator = torch.Generator().manual_seed(step)
    for name, parameter in model.named_parameters():
        gradient = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        if step == 0 and name.startswith(UNUSED):
            parameter.grad = None
        elif isinstance(parameter, DTensor):
            parameter.grad = distribute_tensor(gradient, parameter.device_mesh, parameter.placements)
        else:
            parameter.grad = gradient


def stepped(model: nn.Module, settings: OptimizerSettings) -> dict[str, torch.Tensor]:
    """All weights after three steps, the optimizers being made anew from their state after the first."""
    optimizers = Optimizers(model, settings)
    for step in range(3):
        if step == 1:
            state = get_optimizer_state_dict(model, tuple(optimizers.members))
            optimizers = Optimizers(model, settings)
            set_optimizer_state_dict(model, tuple(optimizers.members), state)
        set_gradients(model, step)
        optimizers.step(0.5 + step)
        optimizers.zero_grad()
    return {
        name: value.full_tensor() if isinstance(value, DTensor) else value.detach()
        for name, value in model.named_parameters()
    }


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found: dict[str, float] = {}
    for kind, settings in SETTINGS.items():
        expected = stepped(fresh(), settings)
        for name, shape in MESHES.items():
            model, mesh = fresh(), init_device_mesh("cpu", shape, mesh_dim_names=("replicate", "shard"))
            for layer in model.decoder.layers:
                fully_shard(layer, mesh=mesh)
            fully_shard(model, mesh=mesh)
            weights = stepped(model, settings)
            found[f"{kind} {name}"] = max(
                (weights[name] - value).abs().max().item() for name, value in expected.items()
            )
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def compare(folder: Path) -> list[dict[str, float]]:
    """What each of the two processes found."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    multiprocessing.spawn(_process, args=(str(folder),), nprocs=2)  # type: ignore[no-untyped-call]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
