"""Stores of traces on disk, whole and damaged, and what can be compared of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import parquet

from irg.core.trace import Trace, Turn, Verdict
from irg.data.source import Fault, RowError
from irg.data.trace_rows import schema
from irg.data.traces import TraceStore, TraceWriter
from tests.data.broken import picture, trace

RNG = np.random.default_rng(0)
FULL = Trace(
    prompt="a red circle \u201c\U0001f600\u201d",
    turns=(
        Turn(None, picture(RNG), Verdict(False, ("too small", "blue"), {"colour": 0.25, "size": 1.0})),
        Turn("line\nline", picture(RNG), capped=True, seconds={"thought": 0.5, "image": 2.0}),
    ),
    seed=2**40,
    system_prompt="Draw.",
    settings={"points": 50, "nested": {"b": [1, 2], "a": None}},
    model={"name": "m"},
    source=picture(RNG),
    questions=(("What?", "That."), ("Where?", "There.")),
    modes=("edit", "improving_full"),
    provenance={"teacher": "t"},
    id="mine",
)


def write(folder: Path, traces: list[Trace], **options: Any) -> TraceStore:
    with TraceWriter(folder, {"made": "here"}, **options) as writer:
        for one in traces:
            writer.write(one)
    return TraceStore(folder)


def some(count: int) -> list[Trace]:
    return [trace(index, np.random.default_rng(index)) for index in range(count)]


def table_of(path: Path, rows: list[dict], columns: pyarrow.Schema | None = None) -> TraceStore:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=columns or schema()), path)
    return TraceStore(path)


def reason_of(store: TraceStore, index: int) -> Fault | None:
    try:
        store.read(index)
    except RowError as error:
        return error.reason
    return None


def facts(one: Trace) -> tuple:
    """Everything in a trace, pixels included, in a form that can be compared."""
    turns = [(t.thought, t.verdict, t.capped, t.seconds, t.image.size, t.image.tobytes()) for t in one.turns]
    turns += [(t.given, t.revised, t.kept) for t in one.turns]
    source = one.source.tobytes() if one.source else None
    texts = one.id, one.prompt, one.system_prompt, one.questions, one.modes
    texts += one.answer, one.ending
    return *texts, one.seed, one.settings, one.model, one.provenance, source, turns


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def encoded(store: TraceStore) -> bytes:
    table = parquet.read_table(store.path / "traces-00000.parquet")
    return table.column("turns")[0].as_py()[0]["image"]["bytes"]
