"""OneIG's items: 1,120 English prompts of five classes, with what each class is judged by.

Facts of OneIG-Bench/OneIG-Benchmark (41b4983).
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from irg.bench.items import Item, seeds_of
from irg.bench.oneig.alignment import Questions
from irg.bench.oneig.scores import STYLES, style_of
from irg.core.files import read_json, read_text, table_rows

NAME = "oneig-en"
PICTURES = 4
CLASSES = {
    "Anime_Stylization": "anime",
    "Portrait": "human",
    "General_Object": "object",
    "Text_Rendering": "text",
    "Knowledge_Reasoning": "reasoning",
}
"""What the folders of the official tree call the categories of the list of prompts."""
ALIGNED = ("anime", "human", "object")
"""The classes that questions are asked about."""
PROMPTS, TEXTS, ANSWERS = (
    "OneIG-Bench.csv",
    "scripts/text/text_content.csv",
    "scripts/reasoning/gt_answer.json",
)
_COLUMNS = {"category", "id", "prompt_en", "type", "prompt_length", "class"}
_KNOWN = {style for styles in STYLES.values() for style in styles}


def questions_file(kind: str) -> str:
    return f"scripts/alignment/Q_D/{kind}.json"


def oneig_items(folder: Path) -> list[Item]:
    """All prompts in the order of their list. Raises ValueError for files that are none, or lack an item."""
    questions = {kind: read_json(folder / questions_file(kind)) for kind in ALIGNED}
    texts = {row["id"]: row["text_content"] for row, _ in _rows(folder / TEXTS, {"id", "text_content"})}
    answers = read_json(folder / ANSWERS)
    items: dict[str, Item] = {}
    for row, where in _rows(folder / PROMPTS, _COLUMNS):
        if row["category"] not in CLASSES:
            raise ValueError(f"{where}: category {row['category']!r}, expected one of {', '.join(CLASSES)}")
        kind, number = CLASSES[row["category"]], row["id"]
        facts: dict[str, Any] = {
            "class": kind,
            "number": number,
            "type": row["type"],
            "length": row["prompt_length"],
        }
        if kind in ALIGNED:
            facts |= _questions(_of(questions[kind], number, where), where)
        if kind == "anime" and (style := style_of(row["class"])) is not None:
            if style not in _KNOWN:
                raise ValueError(f"{where}: style {style!r} has no references")
            facts["style"] = style
        if kind == "text":
            facts["text"] = _of(texts, number, where)
        if kind == "reasoning":
            facts |= {"answer": _of(answers, number, where), "subject": row["class"]}
        name = f"{kind}-{number}"
        if name in items:
            raise ValueError(f"{where}: {name} is there already")
        items[name] = Item(name, row["prompt_en"], seeds_of(NAME, name, PICTURES), facts)
    if not items:
        raise ValueError(f"{folder / PROMPTS} holds no prompts")
    return list(items.values())


def questions_of(item: Item) -> Questions | None:
    """What is asked about an item's pictures; None where nothing is."""
    return Questions.of(item.facts) if "question" in item.facts else None


def _questions(entry: Any, where: str) -> dict[str, Any]:
    try:
        asked = Questions.of(entry)
    except (TypeError, KeyError, ValueError) as broken:
        raise ValueError(f"{where}: its questions cannot be read: {broken}") from broken
    texts, parents = (
        {str(number): value for number, value in some.items()} for some in (asked.texts, asked.parents)
    )
    return {"question": texts, "dependency": parents}


def _of(content: Mapping[str, Any], number: str, where: str) -> Any:
    if number not in content:
        raise ValueError(f"{where}: nothing is known of id {number}, which this class is judged by")
    return content[number]


def _rows(path: Path, columns: set[str]) -> Iterator[tuple[dict[str, str], str]]:
    # The official code reads every column as text.
    try:
        for number, row in enumerate(table_rows(io.StringIO(read_text(path), newline="")), start=1):
            if missing := sorted(name for name in columns if not isinstance(row.get(name), str)):
                raise ValueError(f"{path}, row {number} has no columns {', '.join(missing)}")
            yield row, f"{path}, row {number}"
    except csv.Error as broken:
        raise ValueError(f"{path} is not a table: {broken}") from broken
