"""Rows that a run could not use: written down one by one, counted by reason, never passed over in silence."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from irg.core.files import json_line, write_atomically
from irg.core.values import chosen
from irg.data.source import Fault
from irg.data.streams import Rejected
from irg.run.lines import lines_until
from irg.run.parallel import Layout
from irg.run.state import gathered

FILE = "rejected.jsonl"


class Rejections:
    """The rejected rows of a run: those known before it began, as of step 0, and those met while reading.

    Every process writes what it met itself, the first one to `rejected.jsonl`, the others beside it.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.layout = layout
        name = FILE if layout.is_first else FILE.replace(".", f".rank-{layout.rank}.")
        self.path = folder / name
        self.counts: Counter[tuple[str, Fault]] = Counter()

    def begin(self, known: Iterable[Rejected], step: int) -> None:
        """Write down what was `known` beforehand, and keep what was met up to `step` by the run that goes on.

        All processes know the same beforehand; the first one writes it, and keeps what was met by all of
        them, as there may be fewer now. All processes call it.
        """
        if self.layout.is_first:
            met = [f"{line}\n" for line in _met_until(self.path.parent, step)]
            lines = [_line(one, 0) for one in known] + met
            for line in lines:
                self.counts[_counted(line, self.path.parent)] += 1
            write_atomically(self.path, "".join(lines))
            for path in _files(self.path.parent):
                if path != self.path:
                    path.unlink()
        self.layout.wait()

    def add(self, rejected: Iterable[Rejected], step: int) -> None:
        """Take in what was met while reading the rows of `step`."""
        lines = []
        for one in rejected:
            self.counts[one.stream, one.error.reason] += 1
            lines.append(_line(one, step))
        if lines:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(lines)

    def report(self, console: Console) -> Counter[tuple[str, Fault]]:
        """Counts over all processes, shown by the first. All processes call it."""
        together = sum(gathered(self.counts), Counter[tuple[str, Fault]]())
        if self.layout.is_first:
            for (stream, reason), count in sorted(together.items()):
                console.print(f"rejected {count} rows of {stream}: {reason}", style="yellow")
            if together:
                console.print(f"each is named in {self.path.parent}/{FILE.replace('.', '*.')}")
        return together


def _files(folder: Path) -> list[Path]:
    """Those of all processes."""
    return sorted(folder.glob(FILE.replace(".", "*.")))


def _met_until(folder: Path, step: int) -> list[str]:
    """The lines about rows that were met while reading, up to a step.

    Each once: a process that is killed here may have gathered them already.
    """
    lines = (line for path in _files(folder) for line in lines_until(path, step, after=0))
    return list(dict.fromkeys(lines))


def _counted(line: str, folder: Path) -> tuple[str, Fault]:
    """What a line is counted by. Raises ValueError for one that names no stream and reason."""
    record = json.loads(line)
    if not isinstance(record.get("stream"), str):
        raise ValueError(f"{folder / FILE} holds {line[:80]!r}: expected the stream of a row, and a reason")
    return record["stream"], chosen(f"{folder / FILE}: reason", record.get("reason"), Fault)


def _line(one: Rejected, step: int) -> str:
    return json_line({"step": step, **one.record()})
