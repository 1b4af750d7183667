"""Prompts in files: one a line in text, or the named fields of JSON, JSON lines, CSV and parquet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from irg.core.files import BadJson, inside, parse_json, read_text, refuse_link, table_rows
from irg.core.picture import Picture

FIELDS = ("prompt", "Prompt", "prompt_en", "short_description", "long_description")
"""What the public benchmarks call their prompts."""

SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".parquet")


def prompt_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and those in the folders, in order. Raises ValueError for what is neither."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(inner for inner in path.rglob("*") if inner.suffix in SUFFIXES)
            if not inside:
                raise ValueError(f"{path} holds no prompts: expected files that end in {', '.join(SUFFIXES)}")
            found += inside
        elif not path.is_file():
            raise ValueError(f"{path}: no such file of prompts")
        elif path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}")
        else:
            found.append(path)
    return found


def read_prompts(path: Path, fields: Sequence[str] = FIELDS) -> Iterator[str]:
    """The prompts of one file, in order. Raises ValueError when it cannot be read as what it is."""
    with _told(path):
        match path.suffix:
            case ".txt":
                yield from (line.strip() for line in _lines(path))
            case ".json":
                yield from _inside(parse_json(read_text(path), str(path)), fields)
            case ".jsonl":
                for line in _lines(path):
                    yield from _inside(parse_json(line, str(path)), fields)
            case ".csv":
                with path.open(encoding="utf-8-sig", newline="") as file:
                    for row in table_rows(file):
                        yield from (row[field] for field in fields if row.get(field))
            case ".parquet":
                for row in _parquet_rows(path, fields):
                    yield from (row[field] for field in fields if isinstance(row.get(field), str))


def read_pairs(path: Path, fields: Sequence[str], image: str) -> Iterator[tuple[str, Picture | None]]:
    """The prompts of one file with the pictures in the field `image`: bytes as `datasets` keeps them, or the
    path of a file, from the folder of this one. A row may have none.

    Raises ValueError for a file that has no rows, and for a picture that is not there or is none.
    """
    for number, row in enumerate(_rows(path)):
        texts = [row[field] for field in fields if isinstance(row.get(field), str)]
        value = row.get(image)
        data = value.get("bytes") or value.get("path") if isinstance(value, dict) else value
        if isinstance(data, str):
            data = _picture_file(path, number, data)
        if data is not None and not isinstance(data, bytes):
            raise ValueError(f"{path}, row {number}: {image} is {data!r}, expected bytes or a path")
        picture = None if data is None else _picture(data, f"{path}, row {number}: {image}")
        yield from ((text, picture) for text in texts)


def _picture_file(path: Path, number: int, name: str) -> bytes:
    try:
        picture = inside(path.parent, name)
        refuse_link(picture, path.parent, path.resolve().parent)
        return picture.read_bytes()
    except OSError as missing:
        raise ValueError(f"{path}, row {number}: picture {name}: {missing.strerror}") from missing


def _picture(data: bytes, where: str) -> Picture:
    try:
        return Picture.of(Picture(data).open())
    except ValueError as broken:
        raise ValueError(f"{where}: {broken}") from broken


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with _told(path):
        match path.suffix:
            case ".jsonl":
                for line in _lines(path):
                    row = parse_json(line, str(path))
                    if not isinstance(row, dict):
                        raise ValueError(f"{path}: {line.strip()[:80]!r} is no object with fields")
                    yield row
            case ".csv":
                with path.open(encoding="utf-8-sig", newline="") as file:
                    yield from table_rows(file)
            case ".parquet":
                yield from _parquet_rows(path)
            case _:
                raise ValueError(f"{path}: pictures come beside prompts in .jsonl, .csv and .parquet files")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What makes no sense of a file is told with its name."""
    try:
        yield
    except (UnicodeDecodeError, BadJson, csv.Error) as broken:
        raise ValueError(f"{path} cannot be read as {path.suffix[1:]}: {broken}") from broken


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        yield from (line for line in file if line.strip())


def _inside(content: Any, fields: Sequence[str]) -> Iterator[str]:
    """The texts of the fields, however deep they lie; also the texts of a bare list."""
    if isinstance(content, list):
        for item in content:
            if isinstance(item, str):
                yield item
            else:
                yield from _inside(item, fields)
    elif isinstance(content, dict):
        for key, value in content.items():
            if key in fields and isinstance(value, str):
                yield value
            else:
                yield from _inside(value, fields)


def _parquet_rows(path: Path, fields: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """All rows, with all columns or those of these fields that there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = names if fields is None else [field for field in fields if field in names]
            for batch in file.iter_batches(batch_size=64, columns=wanted):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as broken:
        if isinstance(broken, OSError) and broken.errno is not None:  # of the disk, and not of the content
            raise
        raise ValueError(f"{path} cannot be read as parquet: {broken}") from broken
