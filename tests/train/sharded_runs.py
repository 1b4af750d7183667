"""Runs that two processes share, all started once; `test_sharded_runs` compares them with those of one."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from tests.train.runs import batch, evaluation, recipe, run

STOPPED_IN, STOPPED_AT = 5, 12
"""The step in which a process is asked to stop, and the last one of those that go on."""


def scenarios(start: Path, data: Path, broken: Path) -> dict[str, dict[str, Any]]:
    """What the recipes of the runs change, but for `stopped`, which is stopped and goes on."""
    view = {"max_side": 28, "min_side": 28, "stride": 14}
    halves = {"global_batch": "scaled", "batch": batch(rows=2, accumulate=2)}
    return {
        "whole": {"evaluation": evaluation(data)},
        "replicated": {"parallel": {"shard": 1}, **halves},
        "selective": {"parallel": {"checkpointing": "selective"}},
        "full": {"parallel": {"checkpointing": "full", "shard": 1}, "stop_at": 8},
        "bfloat16": {"parallel": {"precision": "bfloat16"}, "steps": 3},
        "adapted": {"lora": {"rank": 2}, "steps": 3},
        "drawn": {"init": None, "parts": str(start), "preset": "tiny", "view": view, "steps": 3},
        "epochs": {
            "steps": None,
            "epochs": 1,
            "checkpoint": {"every": 1},
            "data": [{"path": str(broken), "modes": {"improving_full": 1.0}}],
        },
    }


def start_two(start: Path, data: Path, broken: Path, out: Path) -> None:
    """Run all of them in two processes, each into a folder of its name in `out`."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    out.mkdir()
    multiprocessing.spawn(_process, args=(start, data, broken, out), nprocs=2)  # type: ignore[no-untyped-call]


def _process(rank: int, start: Path, data: Path, broken: Path, out: Path) -> None:
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank))
    dist.init_process_group("gloo", init_method=f"file://{out}/meeting", rank=rank, world_size=2)
    for name, changes in scenarios(start, data, broken).items():
        course = run(recipe(start, data, out / name, **changes))
        _tell(out / name, rank, course.documents)
    stopped = recipe(start, data, out / "stopped", checkpoint={"every": 3}, stop_at=STOPPED_AT)
    # Only the second process is asked, as where one machine of many goes down.
    assert run(stopped, stop_in=STOPPED_IN if rank == 1 else None).interrupted
    if rank == 0:
        shutil.copytree(stopped.out, out / "for-one")
    dist.barrier()
    _tell(stopped.out, rank, run(stopped, resume=True).documents)
    dist.destroy_process_group()


def _tell(folder: Path, rank: int, documents: dict[int, list[str]]) -> None:
    (folder / f"documents-{rank}.json").write_text(json.dumps(documents))
