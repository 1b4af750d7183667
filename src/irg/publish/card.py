"""The card of a published set: a README that the hub, the `datasets` library and people read.

Everything in it was counted while the set was written, or is in the set's provenance.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import yaml

from irg.core.output import MARKER
from irg.data.trace_rows import PUBLISHED_FEATURES
from irg.publish import Packaging
from irg.publish.card_front import Title, front, licences_of
from irg.publish.inventory import Inventory
from irg.report.markdown import table
from irg.report.page import fill

FILE = "README.md"
_MEANINGS = {
    "id": "names the trace: a hash of how it came about",
    "prompt": "what was asked for",
    "images": "the pictures, one per turn, the last one the best",
    "turns": "the thought before each picture, and what a judge said of it; later thoughts are reflections",
    "system_prompt": "what the model is told before the prompt",
    "seed": "of the first picture",
    "source": "the picture that was edited, of an edit",
    "questions": "about the last picture, with answers",
    "modes": "the learning modes that the trace is for; none named means all that it has the parts for",
    "settings": "JSON: how a saved episode was drawn",
    "model": "JSON: the model that drew the first picture",
    "provenance": "JSON: the prompt's source and licence, scores, the judge's checks, and every stage with "
    "its version, model, templates and seed",
    "answer": "the text with which an episode ended without a picture",
    "ending": "why an episode ended, where a text decided on that",
}


@dataclass(frozen=True)
class Making:
    """How the set came about, as far as is known: its recipe, and rejects by stage and reason."""

    provenance: dict[str, Any]
    rejects: dict[str, dict[str, int]]
    held_out: float | None
    """The share that was asked for; None is the split that the set had."""


def card(title: Title, found: Inventory, making: Making, layout: Packaging, num_bytes: int) -> str:
    """`card.md`, filled in. `num_bytes` are those of the files that hold the rows.

    Raises ValueError where no licence is given and the prompts' own do not say one.
    """
    part, is_tar = next(iter(found.parts)), layout is Packaging.WEBDATASET
    recipe = _yaml(making.provenance, 100) if making.provenance else ""
    content = {
        "head": _yaml(front(title, found, layout, num_bytes), 1000),
        "title": title,
        "found": found,
        "table": table,
        "parts": [[name, f"{part.rows:,}"] for name, part in found.parts.items()],
        "facts": _facts(found, num_bytes),
        "modes": _modes(found),
        "is_tar": is_tar,
        "part": part,
        "columns": _columns(),
        "makers": [
            [stage, str(version), model, f"{count:,}"]
            for (stage, version, model), count in found.makers.items()
        ],
        "recipe": recipe,
        "fence": "`" * max(3, 1 + max((len(run) for run in recipe.split() if set(run) == {"`"}), default=0)),
        "rejects": _rejects(making.rejects),
        "is_split": len(found.parts) > 1 or bool(making.held_out),
        "held_out": making.held_out and f"{making.held_out:g}",
        "licences": ", ".join(licences_of(title, found)),
        "licences_of_prompts": _counted(_said(found.licences)),
        "sources": [[source, f"{count:,}"] for source, count in _said(found.sources).most_common(30)],
        "models": ", ".join(sorted({model for _, _, model in found.makers if model})),
    }
    return fill("publish/card.md", content)


def _yaml(content: dict[str, Any], width: int) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=width)


def _facts(found: Inventory, num_bytes: int) -> list[list[str]]:
    facts = [["on disk", f"{num_bytes:,} bytes"]]
    if found.rows < found.num_available:
        facts.append(
            ["extract", f"{found.rows:,} of {found.num_available:,} traces, chosen by a hash of their ids"]
        )
    sizes = [f"{width}x{height} ({count:,})" for (width, height), count in found.sizes.most_common(5)]
    others = len(found.sizes) - len(sizes)
    facts.append(["pictures", ", ".join(sizes) + (f", and {others:,} other sizes" if others > 0 else "")])
    for turn, words in sorted(found.words.items()):
        name = "first thought" if turn == 1 else f"thought {turn} (reflection)"
        facts.append([name, f"median {median_low(words.elements()):,} words, at most {max(words):,}"])
    for turn, judged in sorted(found.judged.items()):
        facts.append([f"picture {turn} judged right", f"{found.right[turn]:,} of {judged:,}"])
    if found.relations:
        facts.append(["last picture against first", _counted(found.relations)])
    return facts


def _modes(found: Inventory) -> list[list[str]]:
    modes: Counter[str] = sum((part.modes for part in found.parts.values()), start=Counter())
    return [[mode, f"{count:,}"] for mode, count in sorted(modes.items())]


def _columns() -> list[list[str]]:
    features = PUBLISHED_FEATURES.items()
    return [[f"`{name}`", _kind(kind), _MEANINGS[name]] for name, kind in features if name in _MEANINGS]


def _kind(feature: Any) -> str:
    if isinstance(feature, list):
        return f"list of {_kind(feature[0])}s"
    return {"Value": feature.get("dtype"), "Image": "image"}.get(feature.get("_type"), "structure")


def _rejects(rejects: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    return [
        [stage, reason, f"{count:,}"]
        for stage, reasons in rejects.items()
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    ]


def _said(counts: Counter[str]) -> Counter[str]:
    return Counter({name or "not said": count for name, count in counts.items()})


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.most_common())


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder, but for our marker, which is not published."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    return sum(path.stat().st_size for path in files)
