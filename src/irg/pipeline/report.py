"""An episode as something to look at: the strip, and one self-contained page."""

import base64
import json
import re
import shutil
import tempfile
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

from irg.core.files import write_atomically
from irg.core.page import document
from irg.core.trace import Trace, Turn, Verdict, png
from irg.pipeline.strip import strip

_OWN_FILES = re.compile(r"trace\.json|strip\.png|index\.html|source\.png|turn\d+\.png")
_STAGING = ".partial-"
_LEFTOVERS = re.compile(rf"{re.escape(_STAGING)}.*|previews")
_SMALL = 448
"""Pictures up to so many pixels wide are not enlarged further than this."""
_LONG = 120
"""Prompts of more characters are set smaller."""


def save_episode(trace: Trace, folder: Path) -> None:
    """Save the trace with its strip and page, in place of the episode that the folder held before, if any.

    All is made in a hidden folder first and then moved, `trace.json` last: whoever sees that sees it all.
    """
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


def foreign_names(folder: Path) -> list[str]:
    """What is in a folder that no episode, whole or broken off, would have left there."""
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if not (_OWN_FILES.fullmatch(name) or _LEFTOVERS.fullmatch(name))]


def write_report(trace: Trace, folder: Path) -> None:
    """Write `strip.png`, and `index.html` with the pictures inside it and nothing loaded from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "strip.png", png(strip(trace)))
    write_atomically(folder / "index.html", page(trace))


def page(trace: Trace) -> str:
    """The episode as an HTML page."""
    columns = [_source(trace.source)] if trace.source is not None else []
    columns += [_turn(number, turn, trace) for number, turn in enumerate(trace.turns, start=1)]
    facts = "".join(f"<li>{escape(fact)}</li>" for fact in _facts(trace))
    body = f"""<header>
<p class="label">{"prompt" if trace.source is None else "instruction"}</p>
<h1 dir="auto"{' class="long"' if len(trace.prompt) > _LONG else ""}>{escape(trace.prompt)}</h1>
<ul class="facts">{facts}</ul>
</header>
<main>
<div class="{"turns small" if _is_small(trace) else "turns"}">
{"".join(columns)}</div>
{_details(trace)}</main>
<footer>The same prompt, seed, settings and weights give the same pictures.</footer>"""
    style = (resources.files("irg.pipeline") / "report.css").read_text()
    return document(trace.prompt, style, body)


def _json_last(path: Path) -> tuple[bool, str]:
    return path.name == "trace.json", path.name


def _is_small(trace: Trace) -> bool:
    """Whether the pictures would look blurred if they were shown as large as the window allows."""
    return all(turn.image.width <= _SMALL for turn in trace.turns)


def _source(image: Image.Image) -> str:
    return f"""<section class="turn">
<div></div>
<figure>
<p class="label image">source</p>
{_image(image, "The picture to edit")}
</figure>
</section>
"""


def _turn(number: int, turn: Turn, trace: Trace) -> str:
    return f"""<section class="turn" aria-label="turn {number}">
<div>{_thought(number, turn)}</div>
<figure>
<p class="label image">image {number}</p>
{_image(turn.image, f"Image {number} for: {trace.prompt}")}
<figcaption>{_verdict(turn.verdict)}</figcaption>
</figure>
</section>
"""


def _thought(number: int, turn: Turn) -> str:
    if turn.thought is None:
        return ""
    kind = "thought" if number == 1 else "reflection"
    note = '<p class="note">The length cap stopped this text.</p>' if turn.capped else ""
    words = f'<div class="words" dir="auto" tabindex="0">{escape(turn.thought)}</div>'
    return f'<p class="label {kind}">{kind}</p>\n{words}{note}'


def _image(image: Image.Image, text: str) -> str:
    data = base64.b64encode(png(image)).decode()
    size = f'width="{image.width}" height="{image.height}"'
    return f'<img {size} alt="{escape(text)}" src="data:image/png;base64,{data}">'


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    if verdict.correct:
        return '<div class="verdict right">matches the prompt</div>'
    flaws = "; ".join(verdict.flaws) or "does not match the prompt"
    return f'<div class="verdict wrong">{escape(flaws)}</div>'


def _facts(trace: Trace) -> list[str]:
    num_turns = len(trace.turns)
    facts = ["1 turn" if num_turns == 1 else f"{num_turns} turns", f"seed {trace.seed}"]
    if trace.turns:
        image = trace.turns[-1].image
        facts.append(f"{image.width} \N{MULTIPLICATION SIGN} {image.height} pixels")
    if "name" in trace.model:
        facts.append(f"model {trace.model['name']}")
    seconds = sum(sum(turn.seconds.values()) for turn in trace.turns)
    return [*facts, f"{seconds:.1f} s"] if seconds else facts


def _details(trace: Trace) -> str:
    parts = [("Seconds", _timings(trace))]
    if trace.model:
        parts.append(
            ("Model", _table([[escape(name), escape(str(text))] for name, text in trace.model.items()]))
        )
    if trace.system_prompt:
        parts.append(("System prompt", f'<div class="system" dir="auto">{escape(trace.system_prompt)}</div>'))
    if trace.settings:
        parts.append(("Settings", f"<pre>{escape(_compact(trace.settings))}</pre>"))
    body = "".join(f"<h2>{title}</h2>\n{content}\n" for title, content in parts if content)
    return f"<details>\n<summary>How it was made</summary>\n{body}</details>\n"


def _timings(trace: Trace) -> str:
    names = list(dict.fromkeys(name for turn in trace.turns for name in turn.seconds))
    if not names:
        return ""
    rows = [
        [f"turn {number}", *(f"{turn.seconds.get(name, 0.0):.2f}" for name in names)]
        for number, turn in enumerate(trace.turns, start=1)
    ]
    return _table(rows, ["", *map(escape, names)])


def _table(rows: list[list[str]], head: list[str] | None = None) -> str:
    """A table of cells that are HTML already; the first of each row is its name."""
    top = "<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>" if head else ""
    kind = ' class="number"' if head else ""
    body = "".join(
        f"<tr><th>{row[0]}</th>" + "".join(f"<td{kind}>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table>{top}{body}</table></div>'


def _compact(content: dict[str, Any]) -> str:
    """JSON with the innermost lists on one line."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
