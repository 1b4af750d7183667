"""Rows of folders and lists: pictures with captions beside them, or named in JSON lines or a table."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from irg.core.files import parse_json, read_text, table_rows
from irg.data.fields import load_json
from irg.data.foreign.row import ForeignRow
from irg.data.source import Fault, RowError, RowPlace

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_UNKNOWN = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".svg", ".dng", ".cr2", ".nef", ".arw")
"""Pictures too, which are told that they cannot be read."""
_CAPTIONS = (".txt", ".caption")
LISTS = (".jsonl", ".csv", ".tsv", ".json")
_METADATA = "metadata"
_FILE = "file_name"
"""The column of a `metadata` list that names a picture; `X_file_name` names another, X."""


class CaptionedPictures:
    """Every picture in a folder and in the folders below it, with the text beside it: `cat.jpg`, `cat.txt`.

    Hidden files are left alone. A picture without its text, a text without its picture and a link to a folder
    are rows that cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = list(_files(path))
        texts = {file.with_suffix(""): file for file in reversed(files) if file.suffix.lower() in _CAPTIONS}
        pictures = [file for file in files if file.suffix.lower() in (*PICTURES, *_UNKNOWN)]
        stems = {file.with_suffix("") for file in pictures}
        self._pairs = [(file, texts.get(file.with_suffix(""))) for file in pictures]
        self._alone = [text for stem, text in sorted(texts.items()) if stem not in stems]
        self._links = [file for file in files if file.is_symlink() and file.is_dir()]

    @property
    def has_captions(self) -> bool:
        return any(text for _, text in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs) + len(self._alone) + len(self._links)

    def __iter__(self) -> Iterator[ForeignRow | RowError]:
        for file, text in self._pairs:
            yield self._row(file, text)
        for text in self._alone:
            yield RowPlace(str(text), 0).error(Fault.MISSING_COLUMN, "there is no picture beside this text")
        for link in self._links:
            yield RowPlace(str(link), 0).error(Fault.UNREADABLE, "a link to a folder is not followed")

    def _row(self, file: Path, text: Path | None) -> ForeignRow | RowError:
        place = RowPlace(str(file), 0)
        if text is None:
            wanted = " or ".join(file.stem + suffix for suffix in _CAPTIONS)
            return place.error(Fault.MISSING_COLUMN, f"there is no caption beside it: expected {wanted}")
        try:
            caption = read_text(text).strip()
        except (ValueError, OSError) as unreadable:
            return place.error(Fault.UNREADABLE, f"its caption: {unreadable}")
        return ForeignRow(
            place, {"image": file.relative_to(self.path).as_posix(), "text": caption}, self.path, text
        )


class ListedRows:
    """The rows of a list: JSON lines, a JSON list, or a table of comma- or tab-separated texts.

    `folder` is where the pictures lie that it names; None: where the list does. With `complete`, as in a
    folder with a `metadata` list, a picture there that no row names is one that cannot be used.
    """

    def __init__(self, path: Path, folder: Path | None = None, complete: bool = False) -> None:
        self.path, self.folder, self.complete = path, folder or path.parent, complete
        self._length: int | None = None

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(1 for _ in self)
        return self._length

    def __iter__(self) -> Iterator[ForeignRow | RowError]:
        named: set[str] = set()
        for row in self._rows():
            if isinstance(row, ForeignRow):
                row = self._in_place(row)
                named.update(
                    os.path.normpath(value) for value in row.values.values() if isinstance(value, str)
                )
            yield row
        if self.complete:
            for file in _files(self.folder):
                name = file.relative_to(self.folder).as_posix()
                if file.suffix.lower() in (*PICTURES, *_UNKNOWN) and name not in named:
                    problem = f"{self.path.name} does not name it"
                    yield RowPlace(str(file), 0).error(Fault.MISSING_COLUMN, problem)

    def _in_place(self, row: ForeignRow) -> ForeignRow:
        """With `file_name` and `X_file_name` under the names of the pictures."""
        pictures = {
            name.removesuffix(_FILE).removesuffix("_") or "image": value
            for name, value in row.values.items()
            if name == _FILE or name.endswith(f"_{_FILE}")
        }
        return ForeignRow(row.place, {**row.values, **pictures}, self.folder, self.path)

    def _rows(self) -> Iterator[ForeignRow | RowError]:
        match self.path.suffix.lower():
            case ".jsonl":
                yield from _json_lines(self.path)
            case ".json":
                yield from _json_list(self.path)
            case _:
                yield from _table(self.path)


class ChainedRows:
    """Several lists, one after the other."""

    def __init__(self, parts: list[ListedRows]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[ForeignRow | RowError]:
        for part in self.parts:
            yield from part


def lists_in(path: Path) -> list[Path]:
    """The lists of a folder: every `metadata` list in it and below; without any, those at its top. JSON files
    count only where they hold a list: many data sets have some that say other things."""
    files = [file for file in _files(path) if file.suffix.lower() in LISTS and _is_list(file)]
    named = [file for file in files if file.stem.lower() == _METADATA]
    return named or [file for file in files if file.parent == path]


def is_metadata(path: Path) -> bool:
    """Whether a list is to name every picture beside it and below."""
    return path.stem.lower() == _METADATA


def _files(path: Path) -> Iterator[Path]:
    """All files below a folder, sorted, but for hidden ones; links to folders stand for themselves."""
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if not name.startswith("."))
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in sorted([*files, *links]):
            if not name.startswith("."):
                yield Path(folder) / name


def _is_list(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return True
    with file.open("rb") as content:
        return content.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _json_lines(path: Path) -> Iterator[ForeignRow | RowError]:
    with path.open("rb") as file:
        number = 0
        for line in file:
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
            if line.strip():
                yield _json_row(line, RowPlace(str(path), number))
                number += 1


def _json_row(line: bytes, place: RowPlace) -> ForeignRow | RowError:
    try:
        content = load_json(line.decode(), place, "the line")
    except UnicodeDecodeError as broken:
        return place.error(Fault.BAD_JSON, f"the line is not UTF-8: {broken.reason}")
    except RowError as refused:
        return refused
    return _object(content, place)


def _json_list(path: Path) -> Iterator[ForeignRow | RowError]:
    content = parse_json(read_text(path), str(path))
    if not isinstance(content, list):
        raise ValueError(f"{path} holds {type(content).__name__}, expected a list of rows")
    for number, values in enumerate(content):
        yield _object(values, RowPlace(str(path), number))


def _object(content: Any, place: RowPlace) -> ForeignRow | RowError:
    if not isinstance(content, dict):
        kind = json.dumps(content, ensure_ascii=False)[:40]
        return place.error(Fault.WRONG_TYPE, f"the row is {kind}, expected names and values")
    return ForeignRow(place, content)


def _table(path: Path) -> Iterator[ForeignRow | RowError]:
    """Separated by tabs in a `.tsv`, else by commas, or by semicolons where the head has them alone."""
    number = 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            head = file.readline()
            few = ";" if ";" in head and "," not in head else ","
            file.seek(0)
            for row in table_rows(file, "\t" if path.suffix.lower() == ".tsv" else few):
                place = RowPlace(str(path), number)
                number += 1
                if None in row:
                    yield place.error(Fault.WRONG_TYPE, "the row has more values than the table has columns")
                else:
                    yield ForeignRow(place, {name: value or None for name, value in row.items()})
        except (csv.Error, UnicodeDecodeError) as broken:
            yield RowPlace(str(path), number).error(Fault.UNREADABLE, f"it and all after it: {broken}")
