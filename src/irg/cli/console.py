"""Bars that show how far a command is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
