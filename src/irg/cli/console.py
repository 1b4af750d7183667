"""Where the command line writes. Results go to stdout, errors and what is not a result to stderr."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


@contextmanager
def bars(console: Console, transient: bool = False) -> Iterator[Callable[..., None]]:
    """A bar for each name, on a terminal; `transient` ones are taken away at the end.

    What is yielded is called with a name, its total, perhaps a note, and `completed` or `advance`.
    """
    columns = (
        TextColumn("[bold cyan]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=transient, disable=console.quiet) as progress:

        def move(
            name: str, total: int, note: str = "", completed: int | None = None, advance: int = 0
        ) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, note="")
            progress.update(tasks[name], total=total, note=note, completed=completed, advance=advance)

        yield move


def print_json(content: dict[str, Any]) -> None:
    """The result of `--json`: one document on stdout, as it is, whatever the terminal's width."""
    out.out(json.dumps(content, indent=1, ensure_ascii=False), highlight=False)


def printable(text: str) -> str:
    """Without control characters: what a model writes cannot steer the terminal."""
    return "".join(
        sign if sign in "\n\t" or unicodedata.category(sign)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for sign in text
    )
