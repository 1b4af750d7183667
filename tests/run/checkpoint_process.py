"""Processes that save and load checkpoints: two that share a model, and ones that are killed while they save.

    python -m tests.run.checkpoint_process FOLDER ROUNDS

kills a saving process ROUNDS times, and prints a line of JSON about what was left each time.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from irg.model import UnifiedModel
from irg.run.checkpoint import Checkpoints
from irg.run.optimizers import Optimizers
from irg.run.parallel import Layout
from irg.run.rng import rng_state
from irg.run.state import model_state, optimizer_state
from tests.run.sharded_steps import SETTINGS, fresh, set_gradients

IDENTITY = {"seed": 3}
KINDS = ("adamw", "adamw8bit")
MESHES = {"sharded": (1, 2), "replicated": (2, 1)}


class Run:
    """A model with its optimizer and averaged weights."""

    def __init__(self, kind: str, mesh: tuple[int, int] | None = None) -> None:
        self.model: UnifiedModel = fresh()
        if mesh is not None:
            names = ("replicate", "shard")
            fully_shard(self.model, mesh=init_device_mesh("cpu", mesh, mesh_dim_names=names))
        self.optimizers = Optimizers(self.model, SETTINGS[kind])
        self.average = {name: one.detach().float() for name, one in self.model.named_parameters()}
        self.average = {name: one.clone() for name, one in self.average.items()}

    def step(self, number: int) -> None:
        set_gradients(self.model, number)
        self.optimizers.step(1.0)
        self.optimizers.zero_grad()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                self.average[name].lerp_(parameter.detach().float(), 0.1)

    def tensors(self) -> dict[str, Any]:
        return {
            "model": model_state(self.model, frozen=True),
            "ema": self.average,
            "optimizer": optimizer_state(self.model, self.optimizers.members),
        }

    def forget(self) -> None:
        """Spoil every tensor in place, but for the codebooks of 8-bit moments, which are always the same."""
        with torch.no_grad():
            for name, tensor in self.locals().items():
                if not name.endswith("qmap"):
                    tensor.fill_(1)

    def locals(self) -> dict[str, torch.Tensor]:
        """The plain tensors of this process that all of it is made of."""
        return dict(_inner("", self.tensors()))

    def whole(self) -> dict[str, torch.Tensor]:
        """Every tensor in full and decoded, the same in all processes."""
        return dict(_whole("", self.tensors()))


def _inner(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _inner(f"{name}/{key}", below)
    elif isinstance(value, DTensor):
        yield from _inner(name, value._local_tensor)
    elif hasattr(value, "codes"):
        yield from ((f"{name}/{part}", getattr(value, part)) for part in ("codes", "scale", "qmap"))
    else:
        yield name, value


def _whole(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _whole(f"{name}/{key}", below)
        return
    value = value.detach()
    local = value._local_tensor if isinstance(value, DTensor) else value
    local = local.dequantize() if hasattr(local, "codes") else local
    if isinstance(value, DTensor):
        mesh, places = value.device_mesh, value.placements
        plain = DTensor.from_local(local, mesh, places, shape=value.shape, stride=value.stride())
        local = plain.full_tensor()
    yield name, local.clone()


def spawned(rank: int, folder: str) -> None:
    """One of two processes: goes on from what one process saved, and saves what one process is to load."""
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    torch.manual_seed(rank)
    for kind in KINDS:
        for layout in MESHES if kind == "adamw" else ("sharded",):
            _go_on(Path(folder), kind, layout, rank)
    dist.destroy_process_group()


def _go_on(folder: Path, kind: str, layout: str, rank: int) -> None:
    run = Run(kind, MESHES[layout])
    run.forget()
    Checkpoints(folder / kind, 2, IDENTITY).load(1, run.tensors())
    out = folder / f"{kind}-{layout}"
    _write(run, out / "loaded.safetensors", rank)
    run.step(1)
    expected = {name: tensor.clone() for name, tensor in run.locals().items()}
    _write(run, out / "stepped.safetensors", rank)
    checkpoints = Checkpoints(out, 2, IDENTITY)
    states = rng_state(Layout(rank, 2, torch.device("cpu")))
    checkpoints.save(2, run.tensors(), {"rng": states})
    run.forget()
    checkpoints.wait()
    assert checkpoints.latest() == 2
    assert checkpoints.load(2, run.tensors()) == {"rng": states}
    for name, tensor in run.locals().items():
        assert torch.equal(tensor, expected[name]), name


def _write(run: Run, path: Path, rank: int) -> None:
    tensors = run.whole()
    if rank == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path)


def main(folder: Path, rounds: int) -> None:
    torch.set_num_threads(1)
    moments = random.Random(0)
    for _ in range(rounds):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _save_for_ever(folder, writing)
        os.close(writing)
        told = os.read(reading, 100)  # it has begun
        time.sleep(moments.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := os.read(reading, 1 << 16):
            told += more
        os.close(reading)
        partial = any(folder.glob(".step-*"))
        checkpoints = Checkpoints(folder, 2, {})
        tensors, latest = _tensors(0), checkpoints.latest()
        plain = checkpoints.load(latest, tensors) if latest else {"value": 0}
        values = {float(value) for tensor in tensors["model"].values() for value in tensor.unique()}
        left = sorted(path.name for path in folder.iterdir())
        print(json.dumps([int(told.split()[-1]), latest or 0, plain["value"], sorted(values), partial, left]))


def _save_for_ever(folder: Path, writing: int) -> None:
    """Every tensor is the step's number while it is saved, and the next one's at once after that."""
    try:
        checkpoints = Checkpoints(folder, 2, {})
        step = checkpoints.latest() or 0
        tensors = _tensors(step)
        os.write(writing, b"%d\n" % step)
        while True:
            step += 1
            for tensor in tensors["model"].values():
                tensor.fill_(step)
            checkpoints.save(step, tensors, {"value": step})
            # Saving has waited for the one before.
            os.write(writing, b"%d\n" % (step - 1))
    finally:
        os._exit(1)


def _tensors(value: int) -> dict[str, dict[str, torch.Tensor]]:
    return {"model": {str(index): torch.full((200, 100), float(value)) for index in range(20)}}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
