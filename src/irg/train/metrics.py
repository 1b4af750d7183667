"""Metrics of a run: one JSON line per step on disk, a progress line on the console."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from irg.core.files import write_atomically


class MetricsLog:
    """Appends to a JSONL file, every so many steps, and shows where a run stands.

    A run resumed at step `start` drops the lines it is about to repeat. A silent log does nothing: the other
    processes of a run have nothing to add to the first one's account.
    """

    def __init__(self, path: Path, total: int, start: int = 0, every: int = 10, silent: bool = False) -> None:
        self.path = path
        self.total = total
        self.start = start
        self.every = every
        self.silent = silent
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, disable=silent)
        self.task = self.progress.add_task("starting", total=total)

    def __enter__(self) -> Self:
        if not self.silent and self.path.exists():
            kept = [
                line for line in self.path.read_text().splitlines() if json.loads(line)["step"] <= self.start
            ]
            write_atomically(self.path, "".join(f"{line}\n" for line in kept))
        self.file = self.path.open("a")
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        self.file.close()

    def record(self, step: int, values: dict[str, float], **extra: float) -> None:
        if self.silent:
            return
        line = {"step": step, **{key: round(value, 6) for key, value in (values | extra).items()}}
        if step % self.every == 0 or step == self.total:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
        shown = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
        self.progress.update(self.task, completed=step, description=shown)
