"""The page over the episodes of a file of prompts: each prompt with its last picture, or why it has none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from irg.core.files import write_atomically
from irg.core.trace import Trace, Verdict
from irg.report.page import Heading, Inlined, plural, render, thumbnail

PAGE = "index.html"
_KIND = "prompts of a file"
_SIDE, _MOST = 256, 1000
"""Pixels a side of a picture, and prompts on the page."""


@dataclass(frozen=True)
class _Card:
    """An episode's folder, its prompt, and what became of it."""

    name: str
    prompt: str
    picture: Inlined | None
    verdict: Verdict | None = None
    failed: str = ""


def write_overview(folder: Path, name: str, prompts: Sequence[str], failed: Mapping[int, str]) -> None:
    """Write the page of the episodes in `folder`; `name` is that of the prompts' file, `failed` says by the
    number of a line why it has no episode."""
    shown = enumerate(prompts[:_MOST])
    cards = [_card(folder, number, prompt, failed.get(number, "")) for number, prompt in shown]
    facts = [plural(len(prompts), "prompt")]
    if judged := [card.verdict for card in cards if card.verdict is not None]:
        facts.append(f"{sum(one.correct for one in judged):,} of {len(judged):,} match their prompt")
    if failed:
        facts.append(f"{len(failed):,} failed")
    content = {"cards": cards, "num_more": max(len(prompts) - _MOST, 0)}
    page = render("cli/overview.html", Heading(_KIND, name, tuple(facts)), content)
    write_atomically(folder / PAGE, page)


def is_overview(path: Path) -> bool:
    """Whether a file is such a page."""
    if path.name != PAGE or not path.is_file():
        return False
    with path.open("rb") as file:
        return f">{_KIND}<".encode() in file.read(1 << 16)


def _card(folder: Path, number: int, prompt: str, failed: str) -> _Card:
    name = f"{number:04d}"
    if failed:
        return _Card(name, prompt, None, failed=failed)
    try:
        turn = Trace.load(folder / name).turns[-1]
    except (ValueError, OSError, IndexError) as broken:
        return _Card(name, prompt, None, failed=str(broken))
    return _Card(name, prompt, thumbnail(turn.image, _SIDE), turn.verdict)
