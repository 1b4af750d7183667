"""Processes, devices and how the model is laid over them: FSDP2, activation checkpointing, compilation.

Every process of a run is one of torchrun's, or the only one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from irg.core import Packed
from irg.core.settings import BaseSettings
from irg.model import FlexAttend, PaddedAttend
from irg.model.attention import Attend
from irg.model.device import usual_device
from irg.model.expert import Expert

FLEX_BLOCK = 128
"""FlexAttention's block of queries and keys: rows on a GPU are padded to a multiple of it."""


class Precision(StrEnum):
    """What arithmetic runs in. Master weights have a type of their own."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """All of it: sharded parameters are gathered in bfloat16, gradients reduced in float32."""
    AUTOCAST = "autocast"
    """Matrix products in bfloat16, the rest in float32."""

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights that are held in it."""
        return torch.bfloat16 if self is Precision.BFLOAT16 else torch.float32


class Checkpointing(StrEnum):
    """Which activations are kept for the backward pass of a layer."""

    NONE = "none"
    SELECTIVE = "selective"
    """Those of matrix products and attention; what is cheap is computed again."""
    FULL = "full"
    """Only the layers' inputs."""


class ParallelSettings(BaseSettings):
    """How the model is laid over processes, and how its layers run."""

    shard: int = 0
    """Processes that share one copy of the parameters; 0: all of them. Fewer than all is hybrid sharding:
    copies of the model are kept in step over the groups, usually one group per node. 1 replicates."""
    precision: Precision = Precision.FLOAT32
    master: Precision = Precision.FLOAT32
    """Type of the trained weights themselves: float32, or bfloat16 where memory is short."""
    checkpointing: Checkpointing = Checkpointing.NONE
    compile: bool = False


@dataclass(frozen=True)
class Layout:
    """This process among the others, and its device."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: str | None, patience: timedelta | None = None) -> Iterator[Layout]:
    """Join torchrun's processes, if there are any, for the length of the block. `patience` is how long one
    may wait for the others (None: torch's usual time)."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    place = usual_device(device)
    if place == torch.device("cuda"):
        torch.cuda.set_device(local)
        place = torch.device("cuda", local)
    ours = world > 1 and not dist.is_initialized()
    if ours:
        # Checkpoints are written by gloo beside the training that nccl serves.
        backend = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=patience)
    try:
        yield Layout(rank, world, place)
    finally:
        if ours:
            dist.destroy_process_group()


def lay_out(
    module: nn.Module, layers: Sequence[nn.Module], layout: Layout, settings: ParallelSettings
) -> None:
    """Checkpoint, compile and shard a module by its layers, in place."""
    if settings.checkpointing is not Checkpointing.NONE:
        for layer in layers:
            layer.forward = partial(_checkpointed, layer.forward, settings.checkpointing)
    if settings.compile:
        _compile(module)
    if layout.world > 1:
        _shard(module, layers, layout, settings)


def _shard(
    module: nn.Module, layers: Sequence[nn.Module], layout: Layout, settings: ParallelSettings
) -> None:
    size = settings.shard or layout.world
    if layout.world % size:
        raise ValueError(f"parallel.shard {size}: {layout.world} processes do not divide into groups of it")
    kind = layout.device.type
    if size == layout.world:
        mesh = init_device_mesh(kind, (layout.world,))
    else:
        mesh = init_device_mesh(kind, (layout.world // size, size), mesh_dim_names=("replicate", "shard"))
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    if settings.precision is Precision.BFLOAT16:
        # Rotary tables and other buffers are not parameters, and stay float32.
        policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    for layer in layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(module, mesh=mesh, mp_policy=policy)


def arithmetic(layout: Layout, settings: ParallelSettings) -> Any:
    """The context in which a forward runs."""
    sharded = layout.world > 1
    if settings.precision is Precision.AUTOCAST or (
        settings.precision is Precision.BFLOAT16 and not sharded and settings.master is Precision.FLOAT32
    ):
        return torch.autocast(layout.device.type, torch.bfloat16)
    return nullcontext()


@contextmanager
def gathered(network: nn.Module) -> Iterator[None]:
    """Within the block the parameters outside of layers are whole: generation calls more than the forward."""
    network.eval()
    if isinstance(network, FSDPModule):
        network.unshard()
    try:
        yield
    finally:
        if isinstance(network, FSDPModule):
            network.reshard()
        network.train()


def attention(packed: Packed, device: torch.device) -> Attend:
    """FlexAttention on GPUs, padded attention elsewhere."""
    if device.type != "cuda":
        return PaddedAttend(packed)
    return FlexAttend(packed, -(-packed.num_tokens // FLEX_BLOCK) * FLEX_BLOCK)


def _compile(whole: nn.Module) -> None:
    """Compile what an expert does before and after attention; attention itself is compiled by FlexAttend.

    The numbers of texts' and latents' tokens change from row to row, so shapes are dynamic.
    """
    for module in whole.modules():
        if isinstance(module, Expert):
            module.project = torch.compile(module.project, dynamic=True)
            module.finish = torch.compile(module.finish, dynamic=True)


def _checkpointed(forward: Callable[..., Any], kind: Checkpointing, *inputs: Any) -> Any:
    if kind is Checkpointing.SELECTIVE:
        contexts = partial(create_selective_checkpoint_contexts, _policy)
        return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)
    return checkpoint(forward, *inputs, use_reentrant=False)


def _policy(context: Any, operation: Any, *inputs: Any, **options: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operation in _EXPENSIVE else CheckpointPolicy.PREFER_RECOMPUTE


_EXPENSIVE = {
    torch.ops.aten.mm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.higher_order.flex_attention,
}
