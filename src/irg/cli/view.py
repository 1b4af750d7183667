"""An episode on the terminal: thoughts as they are written, a bar while an image is drawn, verdicts."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from irg.cli.console import bars
from irg.core.events import DenoisingStep, Event, ImageDone, ThoughtDelta, ThoughtDone
from irg.core.trace import Verdict
from irg.terminal import printable

_INDENT = 2


class EpisodeView:
    """Shows events as they come. A context manager: whatever happens, the terminal is left as it was."""

    def __init__(self, console: Console, num_images: int = 0) -> None:
        """`num_images` are there already."""
        self.console = console
        self.num_images = num_images
        self._text: Paragraph | None = None
        self._bar = ExitStack()
        self._move: Callable[..., None] | None = None

    def __enter__(self) -> "EpisodeView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_text()
        self._end_bar()

    def show(self, event: Event) -> None:
        match event:
            case ThoughtDelta(text=text):
                self._write(text)
            case ThoughtDone(capped=capped, num_tokens=num_tokens):
                self._end_text()
                if capped:
                    self._line(f"(stopped by its cap of {num_tokens} tokens)", "dim")
            case DenoisingStep(index=index, total=total):
                self._advance(index, total)
            case ImageDone(kept=kept):
                self._end_bar()
                self.num_images += 1
                if kept:
                    self._line(f"image {self.num_images} is image {self.num_images - 1}, kept", "dim")

    def verdict(self, verdict: Verdict) -> None:
        if verdict.correct:
            self._line(f"image {self.num_images}: matches the prompt", "green")
        else:
            flaws = "; ".join(verdict.flaws) or "does not match the prompt"
            self._line(f"image {self.num_images}: {flaws}", "yellow")

    def _write(self, text: str) -> None:
        if self._text is None:
            self.console.print("thought" if self.num_images == 0 else "reflection", style="bold magenta")
            self._text = Paragraph(self.console, _INDENT)
        self._text.write(text)

    def _end_text(self) -> None:
        if self._text is not None:
            self._text.close()
            self._text = None

    def _advance(self, index: int, total: int) -> None:
        if self._move is None:
            self._move = self._bar.enter_context(bars(self.console))
        self._move(f"image {self.num_images + 1}", total, completed=index)

    def _end_bar(self) -> None:
        self._bar.close()
        self._move = None

    def _line(self, text: str, style: str) -> None:
        self.console.print(Text(" " * _INDENT + text, style))


class Paragraph:
    """Text that comes in pieces, wrapped at words as it comes."""

    def __init__(self, console: Console, indent: int) -> None:
        self.console, self.indent = console, indent
        self.room = max(20, min(console.width, 100) - indent)
        self.column = 0
        self.is_spaced = False
        self.pending = ""

    def write(self, text: str) -> None:
        *whole, self.pending = re.split(r"(\s)", self.pending + printable(text))
        for piece in whole:
            self._put(piece)
        if cell_len(self.pending) >= self.room:
            self._put(self.pending)
            self.pending = ""

    def close(self) -> None:
        self._put(self.pending)
        self.pending = ""
        self.console.print()

    def _put(self, piece: str) -> None:
        if piece == "\n":
            self._break()
        elif not piece or piece.isspace():
            self.is_spaced |= bool(piece)
        else:
            gap = 1 if self.is_spaced and self.column else 0
            if self.column and self.column + gap + cell_len(piece) > self.room:
                self._break()
                gap = 0
            start = " " * (gap if self.column else self.indent)
            self.console.out(start + piece, end="", highlight=False)
            self.column += gap + cell_len(piece)
            self.is_spaced = False

    def _break(self) -> None:
        self.console.print()
        self.column, self.is_spaced = 0, False
