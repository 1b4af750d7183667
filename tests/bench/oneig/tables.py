"""What the golden cases of OneIG hold, as their official tables have it."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.cases import data_folder

CATEGORIES = {
    "Anime_Stylization": "anime",
    "Portrait": "human",
    "General_Object": "object",
    "Text_Rendering": "text",
    "Knowledge_Reasoning": "reasoning",
}


def table(text: str) -> dict[str, dict[str, str]]:
    """A CSV file with names in its first row and column."""
    head, *rows = csv.reader(io.StringIO(text))
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def number(text: str) -> float | None:
    return float(text) if text and text != "nan" else None


def official_file(name: str) -> str:
    """A file of the official data beside the cases. Skips the test where it is absent."""
    path = data_folder("oneig") / name
    if not path.is_file():
        pytest.skip(f"there is no official file {path}")
    return path.read_text(encoding="utf-8")


def facts() -> dict[str, dict[str, str]]:
    """Type, length and class of the items, by class and id as in "anime_005"."""
    rows = csv.DictReader(io.StringIO(official_file("OneIG-Bench.csv")))
    return {f"{CATEGORIES[row['category']]}_{row['id']}": row for row in rows}


def of_model(content: dict[str, Any], model: str) -> Iterator[tuple[str, str, Any]]:
    """Class, id and value of what a case holds under "class/model/id"."""
    for name, value in content.items():
        kind, whose, item = name.split("/")
        if whose == model:
            yield kind, item, value
