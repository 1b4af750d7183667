"""Small plans, loaded, and what can be compared of them."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from PIL import Image

from irg.core import Document
from irg.core.trace import Trace, Turn
from irg.data.learning import IRGL, Mode
from irg.data.lengths import Measuring, survey
from irg.data.loader import LoadedStep, StepLoader
from irg.data.plan import PackingOptions, Planner
from irg.data.streams import Stream
from tests.data.memory import MemorySource, Row, episode, episodes, tiny_preparer

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


def truncated(seed: int) -> Trace:
    """An episode whose second image ends in the middle, which only reading its pixels tells."""
    trace = episode(seed)
    buffer = io.BytesIO()
    trace.turns[1].image.save(buffer, format="JPEG")
    image = Image.open(io.BytesIO(buffer.getvalue()[:-400]))
    return replace(trace, turns=(trace.turns[0], Turn(trace.turns[1].thought, image)))
