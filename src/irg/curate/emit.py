"""Emitting: the selected records as traces, split by prompt into a training and a held-out store.

    OUT/data/train, OUT/data/held_out    stores that `irg train` reads (`irg.data.traces`)
    OUT/manifest.json                    what the run came to
    OUT/work                             everything that was made on the way
    OUT/endpoint                         the answers of endpoints, and what they cost

The set is written beside an older one and takes its place when it is whole. It depends on the records alone:
the same run gives the same bytes, however often it was interrupted.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import Field

from irg.core.digest import digest_of
from irg.core.files import write_atomically
from irg.core.output import replaced
from irg.core.picture import Picture
from irg.core.settings import BaseSettings
from irg.core.trace import Trace, Turn
from irg.curate.records import TraceRecord
from irg.data.pictures import decode
from irg.data.sets import HELD_OUT, MANIFEST, TRAIN, VERSION, is_held_out, read_manifest
from irg.data.source import RowPlace
from irg.data.traces import TraceWriter
from irg.stages.shards import Mark
from irg.stages.store import Store

ANSWERS = "endpoint"
DATA, SET = "data", "curated set"
"""The folder of a set in that of its run, and what kind of folder it is."""


class EmitSettings(BaseSettings):
    """How the set is written."""

    held_out: float = Field(default=0.0, ge=0, lt=1)
    """Share of prompts kept from training."""
    jpeg_quality: int | None = Field(default=None, ge=1, le=95)
    """Pictures as JPEG of this quality; None for PNG, as they were made."""


@dataclass(frozen=True)
class Emitted:
    """How many traces each part holds, and every reject by stage and reason."""

    parts: dict[str, int] = field(default_factory=dict)
    rejects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def num_traces(self) -> int:
        return sum(self.parts.values())


def emit(
    store: Store,
    marks: Sequence[Mark],
    out: Path,
    settings: EmitSettings,
    provenance: dict[str, Any],
    system_prompt: str = "",
) -> Emitted:
    """Write the set that the selected shards hold, unless it is there already.

    `marks` are the selector's, by shard; `provenance` says of the whole set what its traces need not repeat.
    """
    how = settings.model_dump() | {"system_prompt": system_prompt}
    key = digest_of(VERSION, [mark.key for mark in marks], how, provenance)
    known = read_manifest(out)
    if known is not None and known["key"] == key and _is_there(out, known["parts"]):
        return Emitted(known["parts"], known["rejects"])
    with replaced(out / DATA, SET) as fresh:
        emitted = _write(_records(store, marks), fresh, settings, provenance, system_prompt)
    content = {
        "version": VERSION,
        "key": key,
        "parts": emitted.parts,
        "rejects": emitted.rejects,
        "shards": [[mark.name, mark.key] for mark in marks],
        "provenance": provenance,
    }
    write_atomically(out / MANIFEST, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return emitted


def trace_of(record: TraceRecord, system_prompt: str = "") -> Trace:
    """The trace that a finished record is."""
    assert record.image1 is not None and record.image2 is not None and record.reflection is not None
    drawn = next((step for step in record.steps if step.stage == "draw"), record.steps[-1])
    first = Turn(record.thought, _opened(record.image1, record.id), record.verdict1)
    second = Turn(record.reflection.text, _opened(record.image2, record.id), record.verdict2)
    return Trace(
        record.prompt,
        (first, second),
        drawn.seed,
        system_prompt,
        model=drawn.model,
        modes=record.modes,
        provenance=provenance_of(record),
        id=record.id,
    )


def provenance_of(record: TraceRecord) -> dict[str, Any]:
    """Where a trace comes from, and what was found of it on the way."""
    return {
        "source": record.source,
        "licence": record.licence,
        "proposal": record.index,
        "relation": record.relation,
        "scores": record.scores,
        "checks": [[check.image, check.question, check.passed] for check in record.checks],
        "notes": record.notes,
        "cost": vars(record.cost),
        "stages": [vars(step) for step in record.steps],
    }


def _is_there(out: Path, parts: dict[str, int]) -> bool:
    return all((out / DATA / part).is_dir() for part in parts)


def _write(
    records: Iterator[TraceRecord],
    folder: Path,
    settings: EmitSettings,
    provenance: dict[str, Any],
    system_prompt: str,
) -> Emitted:
    rejects: defaultdict[str, Counter[str]] = defaultdict(Counter)
    parts: Counter[str] = Counter()
    with ExitStack() as stack:
        writers: dict[str, TraceWriter] = {}
        for record in records:
            if record.rejected is not None:
                rejects[record.rejected.stage][record.rejected.reason] += 1
                continue
            part = HELD_OUT if is_held_out(record.prompt, settings.held_out) else TRAIN
            if part not in writers:
                writer = TraceWriter(folder / part, provenance, jpeg_quality=settings.jpeg_quality)
                writers[part] = stack.enter_context(writer)
            writers[part].write(trace_of(record, system_prompt))
            parts[part] += 1
    return Emitted(dict(sorted(parts.items(), reverse=True)), dict(rejects))


def _records(store: Store, marks: Sequence[Mark]) -> Iterator[TraceRecord]:
    for number, mark in enumerate(marks):
        yield from store.load(number, store.lineage(number, mark)).records


def _opened(picture: Picture, name: str) -> Image.Image:
    return decode(picture.data, RowPlace(name, 0), "image")
