"""Prompts, objects and hearings of GenEval's form, of no part of its data."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irg.bench.geneval.evidence import OBJECTS, as_evidence
from irg.bench.geneval.prompts import PROMPTS_FILE, read_prompts
from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Hearing
from irg.scorers.geneval.verdict import DetectedObject

PROMPTS: Sequence[Mapping[str, Any]] = (
    {"tag": "single_object", "include": [{"class": "cup", "count": 1}], "prompt": "a cup"},
    {
        "tag": "counting",
        "include": [{"class": "dog", "count": 2}],
        "exclude": [{"class": "dog", "count": 3}],
        "prompt": "two dogs",
    },
    {"tag": "colors", "include": [{"class": "cup", "count": 1, "color": "red"}], "prompt": "a red cup"},
    {
        "tag": "position",
        "include": [
            {"class": "cup", "count": 1},
            {"class": "dog", "count": 1, "position": ["left of", 0]},
        ],
        "prompt": "a dog left of a cup",
    },
)
CUP = DetectedObject("cup", (60.0, 0.0, 90.0, 30.0), 0.95)
DOG = DetectedObject("dog", (0.0, 0.0, 30.0, 30.0), 0.95)


def write_prompts(folder: Path, prompts: Sequence[Mapping[str, Any]] = PROMPTS) -> Path:
    path = folder / PROMPTS_FILE
    path.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    return path


def items(folder: Path) -> list[Item]:
    return read_prompts(write_prompts(folder), "geneval")


def hearing(item: Item, *pictures: Sequence[DetectedObject] | None) -> Hearing:
    """By picture the objects in it, or None where there is no picture."""
    shown = {number: f"{number:064x}" for number, found in enumerate(pictures) if found is not None}
    rows = tuple(
        EvidenceRow(number, OBJECTS, as_evidence((one, None) for one in found))
        for number, found in enumerate(pictures)
        if found is not None
    )
    return Hearing(item.id, 1, shown, {}, rows)
