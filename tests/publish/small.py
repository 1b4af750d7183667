"""Small sets to publish, and what was published of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from irg.core.trace import Trace
from irg.data.traces import TraceStore, TraceWriter
from irg.publish.card_front import Title
from irg.publish.extract import Extract
from irg.publish.publishing import Published, Publishing, publish
from tests.data.broken import trace

TITLE = Title("A set", "cc-by-4.0")


def some(count: int, provenance: dict[str, Any] | None = None) -> list[Trace]:
    traces = [trace(index, np.random.default_rng(index)) for index in range(count)]
    return [
        replace(one, prompt=f"{one.prompt} {index}", provenance=provenance or {})
        for index, one in enumerate(traces)
    ]


def store(folder: Path, traces: list[Trace], provenance: dict[str, Any] | None = None) -> Path:
    with TraceWriter(folder, provenance) as writer:
        for one in traces:
            writer.write(one)
    return folder


def published(source: Path, target: Path, title: Title = TITLE, **extract: Any) -> Published:
    return publish(source, target, Publishing(title, Extract(**extract)))


def front_of(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def ids(folder: Path) -> set[str]:
    return {one.id for part in sorted((folder / "data").iterdir()) for one in read(part)}


def read(part: Path) -> list[Trace]:
    found = TraceStore(part)
    return [found.read(index) for index in range(len(found))]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
