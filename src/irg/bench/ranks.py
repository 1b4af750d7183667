"""The processes of torchrun as a benchmark uses them: each draws its share, and the first does the rest."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

_LONGEST = timedelta(days=7)
"""That one process may wait for the others: a share ends when it ends."""
SharedT = TypeVar("SharedT")


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run; `local` counts on its own machine."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, work: Sequence[SharedT]) -> Sequence[SharedT]:
        """What falls to this process of all work, whatever of it is done: processes take turns."""
        return work[self.rank :: self.world]

    def device(self, asked: str | None) -> str | None:
        """A GPU of its own for each process, where one was not asked for by its number."""
        if self.world > 1:
            import torch

            from irg.model.device import usual_device

            if usual_device(asked) == torch.device("cuda"):
                return f"cuda:{self.local}"
        return asked

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            import torch.distributed as dist

            dist.barrier()


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join torchrun's processes, if there are any, for the length of the block. Nothing but their waiting for
    one another goes between them."""
    rank, world, local = (int(os.environ.get(name, some)) for name, some in _NAMES.items())
    if world == 1:
        yield Ranks()
        return
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=_LONGEST)
    try:
        yield Ranks(rank, world, local)
    finally:
        dist.destroy_process_group()


_NAMES = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
