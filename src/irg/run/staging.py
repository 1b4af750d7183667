"""Copies of tensors in host memory: what a checkpoint is written from while training goes on."""

import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner
from torch.distributed.checkpoint.metadata import MetadataIndex

from irg.run.state import local

_WORTH_PINNING = 1 << 20
"""Bytes. A GPU copies to pinned memory several times faster, but pinning takes long."""


class HostCopies:
    """Copies of this process's shares. The memory stays and is used for the next copies again."""

    def __init__(self) -> None:
        self._memory: dict[str, torch.Tensor] = {}

    def take(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Copy every tensor's local share; when this returns, the tensors may change."""
        copies = {}
        for name, tensor in tensors.items():
            copies[name] = self._room_for(name, local(tensor))
            copies[name].copy_(local(tensor), non_blocking=True)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._memory = copies
        return copies

    def _room_for(self, name: str, part: torch.Tensor) -> torch.Tensor:
        memory = self._memory.get(name)
        if memory is None or memory.shape != part.shape or memory.dtype != part.dtype:
            memory = torch.empty(part.shape, dtype=part.dtype)
            if part.is_cuda and memory.nbytes >= _WORTH_PINNING:
                _pin(memory)
        return memory


class CopyPlanner(DefaultSavePlanner):
    """Plans by the tensors, which know how they are split, and writes their copies."""

    def __init__(self, copies: Mapping[str, torch.Tensor]) -> None:
        super().__init__(flatten_state_dict=False)
        self.copies = copies

    def lookup_object(self, index: MetadataIndex) -> Any:
        return self.copies[index.fqn]


def _pin(memory: torch.Tensor) -> None:
    """Pin memory where it is: torch's own pinned allocations are rounded up to powers of two.

    Where that fails, for want of the right to lock so much, copying to it is only slower.
    """
    runtime, address = torch.cuda.cudart(), memory.data_ptr()
    assert runtime is not None  # a tensor came from there
    if int(runtime.cudaHostRegister(address, memory.nbytes, 0)) == 0:
        unpin = weakref.finalize(memory.untyped_storage(), runtime.cudaHostUnregister, address)
        unpin.atexit = False  # by then CUDA may be gone
