"""Where torch's distributed checkpoints are written: a folder of safetensors and JSON.

torch plans who writes which part of which tensor; here it is only put into files, those of `irg.run.saved`,
which reads them: each process takes what it holds, and there is nothing to plan.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import StorageWriter, WriteResult
from torch.futures import Future

from irg.core.files import delete
from irg.run.saved import FORMAT, INDEX, PLAIN, Chunk, checksum


class FolderWriter(StorageWriter):
    """Writes one checkpoint into `folder`, in place of what is there; all ranks see the same file system.

    `plain` is the JSON beside the tensors, of which rank 0's counts. Once all is on the disk, rank 0 calls
    `finished`.
    """

    def __init__(self, folder: Path, rank: int, plain: str, finished: Callable[[], None]) -> None:
        self.folder, self.rank = folder, rank
        self.plain, self.finished = plain, finished

    def reset(self, checkpoint_id: str | os.PathLike | None = None) -> None:
        """Nothing is left of an earlier write: there is one writer per checkpoint."""

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        if is_coordinator:
            delete(self.folder)
            self.folder.mkdir(parents=True)

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        return plans

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        tensors: dict[str, torch.Tensor] = {}
        results = []
        for item in plan.items:
            tensor = planner.resolve_data(item)
            assert isinstance(tensor, torch.Tensor) and tensor.is_cpu and item.index.offset is not None
            tensors[item.index.fqn] = tensor
            chunk = Chunk(
                rank_file(self.rank), tuple(item.index.offset), tuple(tensor.shape), checksum(tensor)
            )
            results.append(WriteResult(item.index, tensor.nbytes, chunk))
        assert len(tensors) == len(plan.items), "a rank holds one chunk of a tensor"
        path = self.folder / rank_file(self.rank)
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(0o644)
        sync(path)
        written: Future[list[WriteResult]] = Future()
        written.set_result(results)
        return written

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        chunks: dict[str, list[Chunk]] = defaultdict(list)
        for result in (result for of_rank in results for result in of_rank):
            chunks[result.index.fqn].append(result.storage_data)
        tensors = {
            name: {
                "dtype": str(about.properties.dtype).removeprefix("torch."),
                "shape": about.size,
                "chunks": [asdict(chunk) for chunk in chunks[name]],
            }
            for name, about in metadata.state_dict_metadata.items()
            if isinstance(about, TensorStorageMetadata)
        }
        write_synced(self.folder / INDEX, json.dumps({"format": FORMAT, "tensors": tensors}))
        write_synced(self.folder / PLAIN, self.plain)
        sync(self.folder)
        self.finished()

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike) -> bool:
        return False  # torch is never to pick this storage by a path


def write_synced(path: Path, content: str) -> None:
    """Write a file and wait until it is on the disk."""
    path.write_text(content)
    sync(path)


def rank_file(rank: int) -> str:
    return f"rank-{rank:05d}.safetensors"


def sync(path: Path) -> None:
    """Wait until a file is on the disk, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
