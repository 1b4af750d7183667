"""Prompts of GenEval 2's form, of no part of its data."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irg.bench.geneval2.prompts import PROMPTS_FILE, question_of, read_prompts
from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, Hearing

PROMPTS: Sequence[Mapping[str, Any]] = (
    {
        "prompt": "two red cups",
        "atom_count": 3,
        "vqa_list": [
            ["How many cups are there?", "two"],
            ["Are the cups red?", "Yes"],
            ["Is there a cup?", "Yes"],
        ],
        "skills": ["count", "attribute", "object"],
    },
    {
        "prompt": "a dog that runs",
        "atom_count": 4,
        "vqa_list": [["Is there a dog?", "Yes"], ["Does the dog run?", "Yes"]],
        "skills": ["object", "verb"],
    },
)


def write_prompts(folder: Path, prompts: Sequence[Mapping[str, Any]] = PROMPTS) -> Path:
    path = folder / PROMPTS_FILE
    path.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    return path


def items(folder: Path) -> list[Item]:
    return read_prompts(write_prompts(folder))


def hearing(item: Item, softs: Sequence[float], words: Sequence[str] = ()) -> Hearing:
    """As many rows as there are scores: fewer than questions where some were not asked."""
    rows = [
        EvidenceRow(0, question_of(item, index), {"soft": soft, "word": words[index] if words else ""})
        for index, soft in enumerate(softs)
    ]
    return Hearing(item.id, 1, {0: ""}, {}, tuple(rows))
