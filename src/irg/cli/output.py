"""The folder of an episode: checked before anything costs time, left clean after a failure."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from irg.cli.options import Telling
from irg.terminal import out, print_json

if TYPE_CHECKING:
    from irg.core.events import DenoisingStep
    from irg.core.trace import Trace


class EpisodeFolder:
    """A context manager. Entering makes the folder, refuses any that holds no episode, and holds it; leaving
    with an exception takes away what was written, down to the folders that were made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held = ExitStack()
        self._made: list[Path] = []
        self._previews: list[Path] = []

    def __enter__(self) -> "EpisodeFolder":
        from irg.core.output import working
        from irg.pipeline.report import is_episode

        self._made = make_writable(self.folder)
        try:
            self._held.enter_context(working(self.folder, "episode", vouched=is_episode(self.folder)))
        except BaseException:
            remove_empty(self._made)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for path in self._previews:
                path.unlink(missing_ok=True)
            remove_empty([self.folder / "previews"])
        self._held.__exit__(kind, error, trace)
        remove_empty(self._made)

    def preview(self, number: int, step: "DenoisingStep") -> None:
        """Write the preview of a step of image `number`."""
        from irg.core.files import write_atomically
        from irg.core.trace import png

        assert step.preview is not None
        path = self.folder / "previews" / f"image{number}-step{step.index:04d}.png"
        path.parent.mkdir(exist_ok=True)
        self._previews.append(path)
        write_atomically(path, png(step.preview))

    def save(self, trace: "Trace") -> None:
        from irg.pipeline.report import save_episode

        save_episode(trace, self.folder)
        for path in (self.folder / "previews").glob("image*-step*.png"):
            if path not in self._previews:
                path.unlink()
        remove_empty([self.folder / "previews"])


def report(folder: Path, trace: "Trace", telling: Telling) -> None:
    """The last words of a command that drew one episode."""
    print_places(folder, trace, telling.console)
    if telling.as_json:
        print_json(summary(folder, trace))
    elif telling.quiet:
        out.out(folder, highlight=False)


def print_places(folder: Path, trace: "Trace", console: Console) -> None:
    """Where the pictures are."""
    images = ", ".join(f"turn{number}.png" for number in range(1, len(trace.turns) + 1))
    console.print(Text.assemble("\nsaved in ", (str(folder), "bold green")))
    places = [(images, "")] if images else []
    for names, what in (*places, ("strip.png", "all in one picture"), ("index.html", "all on one page")):
        console.print(Text.assemble(f"  {names:12}", (f"  {what}" if what else "", "dim")))


def summary(folder: Path, trace: "Trace") -> dict[str, Any]:
    """An episode as `--json` prints it."""
    return {
        "folder": str(folder),
        "prompt": trace.prompt,
        "seed": trace.seed,
        "model": trace.model,
        "strip": str(folder / "strip.png"),
        "page": str(folder / "index.html"),
        "turns": [
            {
                "thought": turn.thought,
                "capped": turn.capped,
                "image": str(folder / f"turn{number}.png"),
                "verdict": {"correct": turn.verdict.correct, "flaws": list(turn.verdict.flaws)}
                if turn.verdict
                else None,
                "seconds": turn.seconds,
                **({"kept": True} if turn.kept else {}),
            }
            for number, turn in enumerate(trace.turns, start=1)
        ],
        **({} if trace.answer is None else {"answer": trace.answer}),
        **({"ending": trace.ending} if trace.ending else {}),
    }


def make_writable(folder: Path) -> list[Path]:
    """Make a folder and try to write into it. Returns the folders that were made, innermost first."""
    made: list[Path] = []
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            made.insert(0, path)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as refused:
        remove_empty(made)
        raise ValueError(f"cannot write to {folder}: {refused.strerror}") from refused
    return made


def remove_empty(folders: list[Path]) -> None:
    """Remove the folders that are there and empty, in the order given."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
