"""Many episodes in one folder, numbered, and the page over them: each prompt with its last picture, or why
it has none."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from irg.core.files import write_atomically
from irg.core.output import working
from irg.core.trace import Trace, Verdict
from irg.pipeline.report import is_episode, save_episode
from irg.report.page import Heading, Inlined, plural, render, thumbnail

PAGE = "index.html"
_KIND = "many prompts"
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


def save_all(traces: Iterable[Trace], folder: str | Path) -> Path:
    """Save each trace as it comes, with its strip and page, in `folder`/0000, `folder`/0001, ..., and a page
    over all of them, whose path is returned.

    What an interrupted one has saved stays, with its page. Raises ValueError where the folder holds anything
    else than numbered episodes, and OSError where it cannot be written.
    """
    folder, prompts = Path(folder), list[str]()
    if folder.is_dir():
        refuse_all_but_episodes(folder)
    try:
        for number, trace in enumerate(traces):
            place = folder / f"{number:04d}"
            with working(place, "episode", vouched=place.is_dir() and is_episode(place)):
                save_episode(trace, place)
            prompts.append(trace.prompt)
    finally:
        if prompts:
            write_overview(folder, folder.name, prompts, {})
    return folder / PAGE


def refuse_all_but_episodes(folder: Path) -> None:
    """Raise ValueError where a folder holds anything else than numbered episodes and their page."""
    ours = (path for path in folder.iterdir() if re.fullmatch(r"\d{4,}", path.name) or is_overview(path))
    foreign = sorted({path.name for path in folder.iterdir()} - {path.name for path in ours})
    if foreign:
        raise ValueError(
            f"{folder} holds {foreign[0]!r}, which is no numbered episode: choose another folder"
        )


def write_overview(folder: Path, name: str, prompts: Sequence[str], failed: Mapping[int, str]) -> None:
    """Write the page of the episodes in `folder`; `name` is that of the prompts' file, or what else they
    have in common, `failed` says by the number of a prompt why it has no episode."""
    shown = enumerate(prompts[:_MOST])
    cards = [_card(folder, number, prompt, failed.get(number, "")) for number, prompt in shown]
    facts = [plural(len(prompts), "prompt")]
    if judged := [card.verdict for card in cards if card.verdict is not None]:
        facts.append(f"{sum(one.correct for one in judged):,} of {len(judged):,} match their prompt")
    if failed:
        facts.append(f"{len(failed):,} failed")
    content = {"cards": cards, "num_more": max(len(prompts) - _MOST, 0)}
    page = render("pipeline/overview.html", Heading(_KIND, name, tuple(facts)), content)
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
