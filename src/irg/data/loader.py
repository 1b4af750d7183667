"""Loading: one process's rows of each planned step, read and prepared by workers.

Workers keep nothing: they are sent references and send back documents, whose randomness comes from the
references alone. The plan is the whole state of the data, so that no loader has to save one of its own (as
torchdata's StatefulDataLoader would), and any number of workers and processes gives the same documents. Each
step comes with the state that goes on after it, however much has been prepared ahead.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

from irg.core import Document
from irg.data.plan import PlannedRow, PlannedStep, Planner
from irg.data.prepare import Preparer
from irg.data.streams import Rejected
from irg.data.worker import LoadedRow, RowReader, loaded_rows

_STEPS_AHEAD = 2
"""Steps that workers prepare ahead."""


@dataclass(frozen=True, eq=False)
class LoadedStep:
    """One process's share of a step."""

    planned: PlannedStep
    rows: tuple[tuple[Document, ...], ...]
    """As many on every process; one is empty if samples have run out, or none of its own could be loaded."""
    rejected: tuple[Rejected, ...]
    """Samples left out of these rows; on the first process also the rows that planning found unusable."""
    state: dict[str, Any]
    """The planner's state after this step: what a checkpoint made now has to save."""
    seconds_waited: float
    """How long the process waited for the rows."""
    capacity: int
    """Tokens for which the step has room, on all processes; the tokens it has, if rows have no budget."""


class StepLoader:
    """Steps of a plan for process `rank` of `world`. A context manager; leaving it ends the workers.

    Iterating begins where the planner stands, and a second time where the first left off. `strict` raises the
    RowError of the first sample that cannot be loaded, which otherwise is left out of its row and told of.
    """

    def __init__(
        self,
        planner: Planner,
        preparer: Preparer,
        rank: int = 0,
        world: int = 1,
        num_workers: int = 0,
        strict: bool = False,
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank is {rank}, expected 0 to {world - 1}")
        if num_workers < 0:
            raise ValueError(f"num_workers is {num_workers}, expected at least 0")
        self.planner, self.rank, self.world = planner, rank, world
        self.num_workers, self.strict = num_workers, strict
        self._reader = RowReader(planner.streams, preparer, planner.seed)
        self._delivered: dict[str, Any] | None = None
        """The planner's state after the last step that was handed out."""
        self._steps: Generator[LoadedStep] | None = None

    def __enter__(self) -> "StepLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[LoadedStep]:
        self.close()
        self._steps = self._load()
        return self._steps

    def close(self) -> None:
        """End the workers, and take the planner back to the last step that was handed out."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        if self._delivered is not None:
            self.planner.load_state_dict(self._delivered)

    def _load(self) -> Generator[LoadedStep]:
        planned: deque[tuple[PlannedStep, dict[str, Any]]] = deque()
        num_rows = -(-self.planner.options.rows_per_step // self.world)
        ahead = _STEPS_AHEAD * num_rows
        self._delivered = self.planner.state_dict()
        arriving = loaded_rows(self._plan(planned), self._reader, self.num_workers, ahead)
        try:
            while True:
                started = time.perf_counter()
                arrived = list(islice(arriving, num_rows))
                if not arrived:
                    return
                waited = time.perf_counter() - started
                step, state = planned.popleft()
                loaded = self._loaded(step, state, arrived, waited)
                self._delivered = state
                yield loaded
        finally:
            arriving.close()

    def _plan(self, planned: deque[tuple[PlannedStep, dict[str, Any]]]) -> Iterator[PlannedRow]:
        """This process's rows; their steps are left in `planned`."""
        for step in self.planner:
            planned.append((step, self.planner.state_dict()))
            yield from step.rows_of(self.rank, self.world)

    def _loaded(
        self, step: PlannedStep, state: dict[str, Any], arrived: Sequence[LoadedRow], waited: float
    ) -> LoadedStep:
        rejected = tuple(one for row in arrived for one in row.rejected)
        if self.rank == 0:
            rejected = step.rejected + rejected
        if self.strict and rejected:
            raise rejected[0].error
        options = self.planner.options
        capacity = step.tokens if options.tokens is None else options.tokens * options.rows_per_step
        rows = tuple(row.unpack() for row in arrived)
        return LoadedStep(step, rows, rejected, state, waited, capacity)
