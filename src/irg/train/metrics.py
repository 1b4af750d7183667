"""Metrics of a run: one JSON line per step on disk, a progress line on the console."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class MetricsLog:
    """Appends to a JSONL file and shows where a run stands; lines after a resumed step replace what they repeat."""

    def __init__(self, path: Path, total: int, every: int = 10) -> None:
        self.path = path
        self.every = every
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        )
        self.task = self.progress.add_task("starting", total=total)

    def __enter__(self) -> Self:
        self.file = self.path.open("a")
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        self.file.close()

    def record(self, step: int, values: dict[str, float], **extra: float) -> None:
        line = {"step": step, **{key: round(value, 6) for key, value in (values | extra).items()}}
        if step % self.every == 0:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
        shown = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
        self.progress.update(self.task, completed=step, description=shown)
