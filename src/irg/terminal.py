"""The terminal: results go to stdout, all else to stderr, and no text that is printed steers it."""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


class Terminal(Console):
    """A console that shows no control characters of what it prints: its own colours and bars alone."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


out, err = Terminal(highlight=False), Terminal(stderr=True, highlight=False)


def print_json(content: dict[str, Any]) -> None:
    """The result of `--json`: one document on stdout, as it is, whatever the terminal's width. Signs that
    could steer a terminal are escaped, so that its values stay what they are."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    out.out("".join(sign if _is_shown(sign) else json.dumps(sign)[1:-1] for sign in text), highlight=False)


def printable(text: str) -> str:
    """Without control characters: what a model or a file says cannot steer the terminal."""
    return "".join(sign if _is_shown(sign) else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _is_shown(sign: str) -> bool:
    return sign in "\n\t" or unicodedata.category(sign)[0] != "C"
