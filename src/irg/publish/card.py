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

from irg.data.trace_rows import PUBLISHED_FEATURES
from irg.publish.card_front import Title, front, licences_of
from irg.publish.inventory import Inventory
from irg.publish.packaging import Packaging
from irg.report.markdown import table

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
}


@dataclass(frozen=True)
class Making:
    """How the set came about, as far as is known: its recipe, and rejects by stage and reason."""

    provenance: dict[str, Any]
    rejects: dict[str, dict[str, int]]
    held_out: float | None
    """The share that was asked for; None is the split that the set had."""


def card(title: Title, found: Inventory, making: Making, layout: Packaging, num_bytes: int) -> str:
    """The text of the card. `num_bytes` are those of the files that hold the rows.

    Raises ValueError where no licence is given and the prompts' own do not say one.
    """
    described = front(title, found, layout, num_bytes)
    head = yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=1000)
    sections = [
        f"# {title.name}",
        title.about.strip() or _about(found),
        _contents(found, num_bytes),
        _reading(found, layout),
        _columns() if layout is Packaging.PARQUET else "",
        _making(found, making),
        _rejects(making.rejects),
        _split(found, making),
        _licences(title, found),
        _limits(found),
    ]
    return f"---\n{head}---\n\n" + "\n\n".join(section for section in sections if section) + "\n"


def _about(found: Inventory) -> str:
    return (
        f"{found.rows:,} traces of interleaved reasoning: a prompt, a thought and a first picture of it, a "
        "reflection that says what falls short of the prompt and how to do better, and a better picture."
    )


def _contents(found: Inventory, num_bytes: int) -> str:
    parts = [[name, f"{part.rows:,}"] for name, part in found.parts.items()]
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
    modes: Counter[str] = sum((part.modes for part in found.parts.values()), start=Counter())
    taught = [[mode, f"{count:,}"] for mode, count in sorted(modes.items())]
    return "\n\n".join(
        [
            "## What is in it",
            table(["part", "traces"], parts),
            table(["", ""], facts),
            table(["learning mode", "traces that teach it"], taught),
        ]
    )


def _reading(found: Inventory, layout: Packaging) -> str:
    part = next(iter(found.parts))
    if layout is Packaging.WEBDATASET:
        return f"""## How to read it

```python
import webdataset

samples = webdataset.WebDataset("data/{part}/{part}-000000.tar").decode("pil")
sample = next(iter(samples))
sample["json"]["prompt"], sample["image1.png"], sample["json"]["turns"][1]["thought"], sample["image2.png"]
```

`data/{part}/index.json` lists the shards, their samples and hashes."""
    return f"""## How to read it

```python
from datasets import load_dataset

trace = load_dataset("FOLDER OR NAME", split="{part}")[0]
trace["prompt"], trace["turns"][0]["thought"], trace["images"][0]  # the first turn; images are PIL images
trace["turns"][1]["thought"], trace["images"][1]  # the reflection, the better picture
```

`irg train` and `irg data inspect` read `data/{part}` as it is; `irg data verify data/{part}` compares its
files with their hashes."""


def _columns() -> str:
    rows = [
        [f"`{name}`", _kind(feature), _MEANINGS.get(name, "")] for name, feature in PUBLISHED_FEATURES.items()
    ]
    return "## Columns\n\n" + table(["column", "kind", "meaning"], [row for row in rows if row[2]])


def _kind(feature: Any) -> str:
    if isinstance(feature, list):
        return f"list of {_kind(feature[0])}s"
    return {"Value": feature.get("dtype"), "Image": "image"}.get(feature.get("_type"), "structure")


def _making(found: Inventory, making: Making) -> str:
    rows = [
        [stage, str(version), model, f"{count:,}"] for (stage, version, model), count in found.makers.items()
    ]
    text = "## How it was made\n\n"
    if rows:
        text += (
            "The stages that the traces went through. Each trace's `provenance` has its own, with seeds and\n"
        )
        text += "the hashes of templates.\n\n" + table(["stage", "version", "by", "traces"], rows)
    else:
        text += "The traces do not say."
    if making.provenance:
        recipe = yaml.safe_dump(making.provenance, sort_keys=False, allow_unicode=True, width=100)
        fence = "`" * max(3, 1 + max((len(run) for run in recipe.split() if set(run) == {"`"}), default=0))
        text += f"\n\n<details><summary>Recipe</summary>\n\n{fence}yaml\n{recipe}{fence}\n\n</details>"
    return text


def _rejects(rejects: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        [stage, reason, f"{count:,}"]
        for stage, reasons in rejects.items()
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    if not rows:
        return ""
    return "## What was rejected on the way\n\n" + table(["stage", "reason", "records"], rows)


def _split(found: Inventory, making: Making) -> str:
    if len(found.parts) < 2 and not making.held_out:
        return "## Split\n\nAll traces are in one part."
    asked = f" A share of {making.held_out:g} of all prompts was asked for." if making.held_out else ""
    return (
        "## Split\n\nA prompt is held out from training, with all its traces, where the SHA-256 of its words "
        "(in lower case, without punctuation) is small, so that it is held out of every set that it is in."
        f"{asked}"
    )


def _licences(title: Title, found: Inventory) -> str:
    given = Counter({name or "not said": count for name, count in found.licences.items()})
    sources = [[source or "not said", f"{count:,}"] for source, count in found.sources.most_common(30)]
    return (
        f"## Licence and sources\n\nThe set: {', '.join(licences_of(title, found))}. "
        f"The prompts: {_counted(given)}.\n\n" + table(["source of the prompt", "traces"], sources)
    )


def _limits(found: Inventory) -> str:
    models = sorted({model for _, _, model in found.makers if model})
    by = f" ({', '.join(models)})" if models else ""
    return (
        f"## Limits\n\nThoughts, pictures, judgements and reflections were made by programs{by}, and carry "
        "their mistakes and leanings: that a pair was judged better does not make it right. What the judge "
        "found is in `turns` and `provenance`. Prompts are no sample of what people ask for."
    )


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.most_common())


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
