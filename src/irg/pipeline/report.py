"""An episode as something to look at: the strip, and one self-contained page."""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from irg.core.files import read_json, write_atomically
from irg.core.trace import VERSION, Trace, png
from irg.pipeline.strip import strip
from irg.report.page import Heading, inlined, plural, render

_OWN_FILES = re.compile(r"trace\.json|strip\.png|index\.html|source\.png|turn\d+\.png")
_STAGING = ".partial-"
_LEFTOVERS = re.compile(rf"{re.escape(_STAGING)}.*|previews")
_SMALL = 448
"""Pictures up to so many pixels wide are not enlarged further than this."""


def save_episode(trace: Trace, folder: str | Path) -> None:
    """Save the trace with its strip and page, in place of the episode that the folder held before, if any.

    It then holds trace.json, turn1.png, turn2.png, ..., strip.png and index.html, and source.png of an edit.
    Raises OSError where it cannot be written. All is made in a hidden folder first
    and then moved, `trace.json` last: whoever sees that sees it all.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=_STAGING))
    try:
        write_report(trace, staging)
        trace.save(staging)
        remove_episode(folder)
        for path in sorted(staging.iterdir(), key=_json_last):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove_episode(folder: Path) -> None:
    """Delete what `save_episode` writes, `trace.json` first, and nothing else."""
    for path in sorted(folder.iterdir(), key=_json_last, reverse=True):
        if _OWN_FILES.fullmatch(path.name):
            path.unlink()


def is_episode(folder: Path) -> bool:
    """Whether a folder without a marker, as earlier versions left them, holds an episode, whole or broken
    off."""
    path, names = folder / "trace.json", [path.name for path in folder.iterdir()]
    if path.name in names:
        try:
            content = read_json(path)
        except ValueError:
            return False
        return content.get("version") == VERSION and isinstance(content.get("turns"), list)
    is_broken_off = any(_LEFTOVERS.fullmatch(name) for name in names)
    return is_broken_off and all(_OWN_FILES.fullmatch(name) or _LEFTOVERS.fullmatch(name) for name in names)


def write_report(trace: Trace, folder: Path) -> None:
    """Write `strip.png`, and `index.html` with the pictures inside it and nothing loaded from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "strip.png", png(strip(trace)))
    write_atomically(folder / "index.html", page(trace))


def page(trace: Trace) -> str:
    """The episode as an HTML page, with the pictures inside it and nothing loaded from elsewhere."""
    heading = Heading("prompt" if trace.source is None else "instruction", trace.prompt, _facts(trace))
    content = {
        "system_prompt": trace.system_prompt,
        "turns": trace.turns,
        "answer": trace.answer,
        "ending": trace.ending,
        "source": trace.source and inlined(trace.source),
        "images": [inlined(turn.image) for turn in trace.turns],
        # Larger than they are, these would look blurred.
        "is_small": all(turn.image.width <= _SMALL for turn in trace.turns),
        "seconds": _seconds(trace),
        "model": [(name, str(value)) for name, value in trace.model.items()],
        "settings": _compact(trace.settings) if trace.settings else "",
    }
    return render("pipeline/report.html", heading, content)


def _json_last(path: Path) -> tuple[bool, str]:
    return path.name == "trace.json", path.name


def _facts(trace: Trace) -> tuple[str, ...]:
    facts = [plural(len(trace.turns), "turn"), f"seed {trace.seed}"]
    if trace.turns:
        image = trace.turns[-1].image
        facts.append(f"{image.width} \N{MULTIPLICATION SIGN} {image.height} pixels")
    if "name" in trace.model:
        facts.append(f"model {trace.model['name']}")
    seconds = sum(sum(turn.seconds.values()) for turn in trace.turns)
    return (*facts, f"{seconds:.1f} s") if seconds else tuple(facts)


def _seconds(trace: Trace) -> list[list[str]]:
    """What took how long: a head, and a row for each turn."""
    names = list(dict.fromkeys(name for turn in trace.turns for name in turn.seconds))
    rows = [
        [f"turn {number}", *(f"{turn.seconds.get(name, 0.0):.2f}" for name in names)]
        for number, turn in enumerate(trace.turns, start=1)
    ]
    return [["", *names], *rows] if names else []


def _compact(content: dict[str, Any]) -> str:
    """JSON with the innermost lists on one line."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
