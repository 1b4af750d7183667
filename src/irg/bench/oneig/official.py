"""OneIG by its authors' own code, a program for each dimension, which leaves a table of prompts' scores."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irg.bench.oneig.items import ALIGNED, CLASSES
from irg.bench.oneig.scores import DIMENSIONS
from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.bench.tree import MODEL
from irg.core.files import read_text, table_rows

IMPORTED = "official/"
"""What the questions of rows begin with that hold the official score of a prompt, a dimension each."""
_CLASS = {"text": "text", "reasoning": "reasoning", "style": "anime"}
"""Of the dimensions whose tables name prompts by their numbers alone, the class that these are of."""
_FOLDERS = {"alignment": "", "diversity": "", **{name: f"/{of}" for name, of in _CLASS.items()}}
_CLASS_ITEMS = {"alignment": ALIGNED, "diversity": tuple(CLASSES.values())}


@dataclass(frozen=True)
class MeanLettering:
    """Of the text in the pictures of a prompt the means that the official table has: edit distance, share
    that is exact, share of words found; and the words of the text, as `Lettering` has them."""

    distance: float
    exact: float
    accuracy: float
    words: int

    @property
    def matched(self) -> float:
        return self.accuracy * self.words


def read(results: Path, shown: Sequence[Shown]) -> dict[str, list[EvidenceRow]]:
    """By item a row for each dimension that has a score of it."""
    found: dict[str, list[EvidenceRow]] = {}
    for dimension in DIMENSIONS:
        for path in sorted(results.glob(f"{dimension}_prompt_score_EN_*.csv")):
            for name, value in _scores(path, dimension):
                evidence = dict(zip(("ED", "CR", "WAC"), value, strict=True)) if dimension == "text" else {}
                evidence = evidence or {"score": value}
                found.setdefault(name, []).append(EvidenceRow(None, f"{IMPORTED}{dimension}", evidence))
    return found


def _scores(path: Path, dimension: str) -> Iterator[tuple[str, Any]]:
    """By item what its prompt's cell holds. Raises ValueError for a table of other models."""
    for row in table_rows(io.StringIO(read_text(path), newline="")):
        if MODEL not in row:
            raise ValueError(f"{path.name} has no column {MODEL}")
        name = row[next(iter(row))].replace("_", "-")
        if row[MODEL]:
            try:
                yield name if "-" in name else f"{_CLASS[dimension]}-{name}", json.loads(row[MODEL])
            except (ValueError, KeyError) as broken:
                raise ValueError(f"{path.name}, {name}: {row[MODEL]!r} is no score") from broken


def _command(dimension: str) -> str:
    classes = f" --class_items {' '.join(_CLASS_ITEMS[dimension])}" if dimension in _CLASS_ITEMS else ""
    return (
        f"{{python}} -m scripts.{dimension}.{dimension}_score --mode EN --image_dirname "
        f"{{pictures}}{_FOLDERS[dimension]} --model_names {MODEL} --image_grid {{grid}}{classes}"
    )


PROGRAM = OfficialProgram(
    "scripts/utils/inference.py", tuple(map(_command, DIMENSIONS)), read, {"grid": "2,2"}, leaves="results"
)
