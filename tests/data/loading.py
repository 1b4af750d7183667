"""Small plans, loaded, and what can be compared of them."""

from collections.abc import Sequence
from itertools import islice

from irg.core import Document
from irg.core.trace import Trace
from irg.data.learning import IRGL, Mode
from irg.data.lengths import Measuring, survey
from irg.data.loader import LoadedStep, StepLoader
from irg.data.plan import PackingOptions, Planner
from irg.data.source import Fault
from irg.data.streams import Stream
from tests.data.memory import MemorySource, Row, episodes, tiny_preparer

PREPARER = tiny_preparer()
OPTIONS = PackingOptions(tokens=160, rows_per_step=3, lookahead=8)


def planner(
    rows: Sequence[Row] | None = None, epochs: int | None = None, modes: Sequence[Mode] = IRGL
) -> Planner:
    source = MemorySource(rows if rows is not None else episodes(9))
    streams = [Stream(source, mode, 1.0 if mode.endswith("full") else 0.5) for mode in modes]
    found = survey(streams, Measuring(PREPARER, copies=2, longest=OPTIONS.tokens))
    return Planner(found.streams, OPTIONS, seed=4, epochs=epochs)


def take(count: int, plan: Planner, workers: int = 0, rank: int = 0, world: int = 1) -> list[LoadedStep]:
    with StepLoader(plan, PREPARER, rank, world, num_workers=workers) as loader:
        return list(islice(loader, count))


def content(document: Document) -> tuple:
    """Everything in a document, comparable."""
    segments = [
        (one.kind, one.role, one.turn, one.loss, one.grid, one.pixels.tobytes() if one.grid else one.ids)
        for one in document
    ]
    return document.mode, document.seed, tuple(segments)


class Truncated(MemorySource):
    """Every third row has an image that ends in the middle, which only reading its pixels tells."""

    def read(self, index: int) -> Trace | Document:
        if index % 3 == 0:
            raise self.place(index).error(Fault.BROKEN_IMAGE, "turns[1].image is a broken picture")
        return super().read(index)
