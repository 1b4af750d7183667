"""Where the command line writes. Results go to stdout, errors and what is not a result to stderr."""

import json
import unicodedata
from typing import Any

from rich.console import Console

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


def choose_console(quiet: bool, as_json: bool) -> Console:
    """The console for progress: nowhere if quiet, stderr where stdout is for JSON."""
    if quiet:
        return Console(quiet=True)
    return err if as_json else out


def print_json(content: dict[str, Any]) -> None:
    """The result of `--json`: one document on stdout, as it is, whatever the terminal's width."""
    out.out(json.dumps(content, indent=1, ensure_ascii=False), highlight=False)


def printable(text: str) -> str:
    """Without control characters: what a model writes cannot steer the terminal."""
    return "".join(
        sign if sign in "\n\t" or unicodedata.category(sign)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for sign in text
    )
