"""A run that two processes share; `test_sharded` compares it with that of one."""

import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from irg.rl.run import learn
from irg.rl.settings import RlRecipe
from tests.rl.played import REDNESS
from tests.rl.runs import recipe


def shared(start: Path, out: Path) -> RlRecipe:
    """Three steps of texts and flow, with a trial at the end; with three groups, processes have different
    numbers of lessons."""
    source = {"file": str(out.parent / "prompts.jsonl")}
    return recipe(
        start,
        out,
        steps=3,
        rewards=REDNESS,
        rollouts={"groups": 3, "siblings": 3, "tries": 1, "temperature": 1.0},
        learning={"flow": 1.0, "tokens": 200},
        returns={"floor": 1e-3, "malformed": 0.5},
        trials={"every": 3, "prompts": 3, "source": source},
    )


def start_two(start: Path, out: Path) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    out.mkdir(parents=True)
    multiprocessing.spawn(_process, args=(start, out), nprocs=2)  # type: ignore[no-untyped-call]


def _process(rank: int, start: Path, out: Path) -> None:
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank))
    dist.init_process_group("gloo", init_method=f"file://{out}/meeting", rank=rank, world_size=2)
    learn(shared(start, out / "run"))
    dist.destroy_process_group()
