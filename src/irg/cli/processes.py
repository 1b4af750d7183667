"""The processes of one command: torchrun's, or this one alone. Each takes its share of the work."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from irg.cli.options import model_option

if TYPE_CHECKING:
    from irg.engine import Team

Thing = TypeVar("Thing")
Shared = Annotated[
    Literal["data", "guidance", "sequence"] | None,
    model_option(
        "What torchrun's processes share out: the prompts of a file, or the guidance branches or the latents "
        "of all pictures. Default: prompts.",
        "--parallel",
    ),
]
_PATIENCE = timedelta(days=7)
"""That one process may wait for the others: a share ends when it ends."""


@dataclass(frozen=True)
class ProcessCrew:
    """This process among the others."""

    rank: int = 0
    world: int = 1
    parallel: Literal["data", "guidance", "sequence"] = "data"

    @property
    def follows(self) -> bool:
        """Whether it draws what the first one draws, with that one, which keeps it."""
        return self.parallel != "data" and not self.is_first

    @property
    def team(self) -> "Team":
        """Those that draw the same pictures."""
        from irg.engine import ALONE, Parallel, Team

        return ALONE if self.parallel == "data" else Team(Parallel(self.parallel), self.rank, self.world)

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, things: Sequence[Thing]) -> Sequence[Thing]:
        """What this process does of them; every process has to ask with the same ones. Those that draw the
        same do what the first one would do."""
        return things[self.rank :: self.world] if self.parallel == "data" else self.gathered(things)[0]

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
def crew(device: str | None, shared: Shared = None, is_one: bool = False) -> Iterator[ProcessCrew]:
    """For the length of the block, the processes that torchrun has started, each with its own GPU if there is
    one. `is_one` says that there is a single picture to draw, which cannot be shared out as prompts are.

    Raises ValueError for what so many processes cannot do.
    """
    if (world := int(os.environ.get("WORLD_SIZE", "1"))) == 1:
        if shared is not None:
            started = "torchrun --nproc-per-node N -m irg ..."
            raise ValueError(f"--parallel {shared}: this is the only process, expected several: {started}")
        yield ProcessCrew()
        return
    shared = shared or "data"
    if is_one and shared == "data":
        raise ValueError(f"{world} processes for one episode: expected --parallel guidance or sequence")
    from irg.run.parallel import joined  # slow to import

    with joined(device, _PATIENCE) as layout:
        yield ProcessCrew(layout.rank, layout.world, shared)
