"""What a run of the unified model is fed: the planned steps of stored data."""

from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from irg.core import Document
from irg.data.loader import StepLoader
from irg.run.loop import FedStep
from irg.run.parallel import Layout
from irg.train.dataset import Data


class StoredFeed:
    """This process's rows of each step of a plan. Their state is the planner's."""

    def __init__(self, data: Data, layout: Layout, num_workers: int = 0, strict: bool = False) -> None:
        self.planner, self.known = data.planner, data.survey.rejected
        self.missing: Counter[str] = Counter()
        """Of each stream, the steps that had no room for the document which every step should have."""
        self._loader = StepLoader(data.planner, data.preparer, layout.rank, layout.world, num_workers, strict)

    def restore(self, state: dict[str, Any]) -> None:
        self.planner.load_state_dict(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loader.close()

    def __iter__(self) -> Iterator[FedStep[tuple[tuple[Document, ...], ...]]]:
        for loaded in self._loader:
            self.missing.update(loaded.planned.missing)
            waited, capacity = loaded.seconds_waited, loaded.capacity
            yield FedStep(loaded.rows, loaded.state, loaded.rejected, waited, capacity)
