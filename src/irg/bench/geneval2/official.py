"""GenEval 2 by its authors' own code, which is run twice: for the chances of right answers, and for TIFA.

It wants a picture for every prompt, and is given the prompts that it is shown pictures of.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from irg.bench.geneval2.prompts import question_of
from irg.bench.items import Item
from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.core.files import read_text

_PATHS, _ASKED = "image_paths.json", "asked.jsonl"
_SOFT, _TIFA = "soft.json", "tifa.json"
_scores = TypeAdapter(list[list[float]])


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """A row for each question; the lists of scores are in the order of the prompts."""
    soft, tifa = _lists(results / _SOFT, shown), _lists(results / _TIFA, shown)
    return {
        one.item.id: [
            EvidenceRow(0, question_of(one.item, index), {"soft": float(chance), "right": bool(right)})
            for index, (chance, right) in enumerate(zip(chances, rights, strict=True))
        ]
        for one, chances, rights in zip(shown, soft, tifa, strict=True)
    }


def _lists(path: Path, shown: Sequence[Shown]) -> list[list[float]]:
    """Raises ValueError unless there is a score for each question."""
    wanted = [len(one.item.facts["questions"]) for one in shown]
    try:
        found = _scores.validate_json(read_text(path))
    except ValidationError as wrong:
        raise ValueError(f"{path.name} holds no lists of scores: {wrong}") from wrong
    if [len(some) for some in found] != wanted:
        raise ValueError(f"{path.name}: expected a score for each of {sum(wanted):,} questions")
    return found


def texts(pictures: Path, shown: Sequence[Shown]) -> dict[str, str]:
    """By prompt the picture's path, and the prompts as the official file has them."""
    paths = {one.item.prompt: str(pictures / f"{one.item.id}.png") for one in shown}
    return {
        _PATHS: json.dumps(paths),
        _ASKED: "".join(json.dumps(_record(one.item)) + "\n" for one in shown),
    }


def _record(item: Item) -> dict[str, Any]:
    facts = item.facts
    asked = {"prompt": item.prompt, "atom_count": facts["atoms"], "vqa_list": facts["questions"]}
    return {**asked, "skills": facts["skills"]}


PROGRAM = OfficialProgram(
    "evaluation.py",
    tuple(
        f"{{python}} evaluation.py --benchmark_data {{around}}/{_ASKED} --image_filepath_data "
        f"{{around}}/{_PATHS} --method {method} --output_file {{results}}/{name}"
        for method, name in (("soft_tifa_gm", _SOFT), ("tifa", _TIFA))
    ),
    read,
    texts=texts,
)
