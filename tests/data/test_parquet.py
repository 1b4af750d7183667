from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from irg.core import Document, Kind, Role, Segment
from irg.data.parquet import ParquetSource
from irg.data.source import Fault, RowError, RowPlace


@dataclass(frozen=True)
class Asked:
    columns: frozenset[str]
    sketch: bool


class Words(ParquetSource[Document]):
    """Rows of one word, which is not `bad`; `bulk` is for reading alone. Remembers what it was given."""

    COLUMNS = ("id", "word", "bulk")

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[Asked] = []

    def from_row(self, row: dict[str, Any], place: RowPlace, sketch: bool = False) -> Document:
        self.asked.append(Asked(frozenset(row), sketch))
        if row["word"] == "bad":
            raise place.error(Fault.EMPTY_TEXT, "says nothing")
        return Document((Segment(Kind.TEXT, Role.PROMPT, row["word"]),))

    def is_sketched(self, leaf: str) -> bool:
        return leaf != "bulk"


def source(folder: Path, words: list[str], **columns: list[Any]) -> Words:
    table = pyarrow.table({"word": words, "bulk": [b"x"] * len(words), "other": words, **columns})
    parquet.write_table(table, folder / "rows.parquet", row_group_size=2)
    return Words(folder / "rows.parquet")


def word(row: Document | RowError) -> str:
    return f"{row.row}: {row.reason}" if isinstance(row, RowError) else row.segments[0].text


def test_reading_has_all_of_its_columns_and_a_survey_what_a_sketch_needs(tmp_path: Path) -> None:
    rows = source(tmp_path, ["a", "b", "c"])
    assert (rows.name, rows.group_sizes) == (str(tmp_path / "rows.parquet"), (2, 1))
    assert [word(rows.read(index)) for index in (2, 0)] == ["c", "a"]
    assert set(rows.asked) == {Asked(frozenset({"word", "bulk"}), sketch=False)}
    rows.asked.clear()
    assert [word(row) for row in rows.survey()] == ["a", "b", "c"]
    assert set(rows.asked) == {Asked(frozenset({"word"}), sketch=True)}


def test_a_survey_goes_on_after_a_row_that_cannot_be_used(tmp_path: Path) -> None:
    rows = source(tmp_path, ["a", "bad", "c", "bad"])
    assert [word(row) for row in rows.survey()] == ["a", "1: empty text", "c", "3: empty text"]
    with pytest.raises(RowError, match=r"rows\.parquet, row 3: empty text: says nothing"):
        rows.read(3)


def test_the_first_of_equal_ids_is_kept_and_rows_may_have_none(tmp_path: Path) -> None:
    rows = source(tmp_path, list("abcdef"), id=["x", "y", "x", None, None, "x"])
    assert [word(row) for row in rows.survey()] == [
        "a",
        "b",
        "2: duplicated id",
        "d",
        "e",
        "5: duplicated id",
    ]
    with pytest.raises(RowError, match=r"row 5: duplicated id: its id is that of .*rows\.parquet, row 0"):
        rows.read(5)
    assert word(rows.read(0)) == "a"
    empty = source(tmp_path, ["a", "b"], id=["", ""])
    assert [word(row) for row in empty.survey()] == ["a", "b"]


def test_ids_of_other_types_are_one_id_where_they_say_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    for name, column in (("a", [7]), ("b", ["7"])):
        table = pyarrow.table({"word": [name], "bulk": [b""], "id": column})
        parquet.write_table(table, folder / f"{name}.parquet")
    assert [word(row) for row in Words(folder).survey()] == ["a", "0: duplicated id"]
