"""OneIG by its authors' own code, a program for each dimension, which leaves a table of prompts' scores."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from irg.bench.oneig.items import ALIGNED, CLASSES
from irg.bench.oneig.scores import DIMENSIONS
from irg.bench.protocol import EvidenceRow, OfficialProgram, Shown
from irg.bench.tree import MODEL
from irg.core.files import parse_json, read_text, table_rows

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
    """By item a row for each dimension that has a score of it. Raises ValueError for tables of others."""
    found: dict[str, list[EvidenceRow]] = {}
    for dimension in DIMENSIONS:
        for path in sorted(results.glob(f"{dimension}_prompt_score_EN_*.csv")):
            try:
                rows = list(table_rows(io.StringIO(read_text(path), newline="")))
            except csv.Error as broken:
                raise ValueError(f"{path.name} is no table: {broken}") from broken
            for row in rows:
                if MODEL not in row:
                    raise ValueError(f"{path.name} has no column {MODEL}")
                name, cell = str(next(iter(row.values()))).replace("_", "-"), row[MODEL]
                if cell:
                    item = name if dimension in _CLASS_ITEMS else f"{_CLASS[dimension]}-{name}"
                    evidence = _evidence(cell, dimension, f"{path.name}, {name}")
                    question = f"{IMPORTED}{dimension}"
                    found.setdefault(item, []).append(EvidenceRow(None, question, evidence))
    return found


def _evidence(cell: str, dimension: str, where: str) -> dict[str, float]:
    """Raises ValueError for what is no score of a dimension."""
    names = ("ED", "CR", "WAC") if dimension == "text" else ("score",)
    value = parse_json(cell, where)
    values = value if isinstance(value, list) else [value]
    if len(values) != len(names) or any(
        not isinstance(one, int | float) or isinstance(one, bool) for one in values
    ):
        raise ValueError(f"{where}: {cell!r} is no score")
    return dict(zip(names, map(float, values), strict=True))


def _command(dimension: str) -> str:
    classes = f" --class_items {' '.join(_CLASS_ITEMS[dimension])}" if dimension in _CLASS_ITEMS else ""
    return (
        f"{{python}} -m scripts.{dimension}.{dimension}_score --mode EN --image_dirname "
        f"{{pictures}}{_FOLDERS[dimension]} --model_names {MODEL} --image_grid {{grid}}{classes}"
    )


PROGRAM = OfficialProgram(
    "scripts/utils/inference.py", tuple(map(_command, DIMENSIONS)), read, {"grid": "2,2"}, leaves="results"
)
