"""The processes of one command: torchrun's, or this one alone. Each takes its share of the work."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class ProcessCrew:
    """This process among the others."""

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, things: Sequence[Thing]) -> Sequence[Thing]:
        """What this process does of them; every process has to ask with the same ones."""
        return things[self.rank :: self.world]

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            import torch.distributed as dist

            dist.barrier()

    def gathered(self, thing: Thing) -> list[Thing]:
        """What every process has, in order."""
        if self.world == 1:
            return [thing]
        import torch.distributed as dist

        found: list[Thing | None] = [None] * self.world
        dist.all_gather_object(found, thing)
        return [one for one in found if one is not None]


@contextmanager
def crew(device: str | None) -> Iterator[ProcessCrew]:
    """For the length of the block, the processes that torchrun has started, each with its own GPU if there is
    one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessCrew()
        return
    from irg.run.parallel import joined  # slow to import

    with joined(device) as layout:
        yield ProcessCrew(layout.rank, layout.world)
