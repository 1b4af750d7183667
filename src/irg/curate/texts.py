"""Prompts in files: one a line in text, or the named fields of JSON, JSON lines, CSV and parquet."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

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
    try:
        match path.suffix:
            case ".txt":
                yield from (line.strip() for line in _lines(path))
            case ".json":
                yield from _inside(json.loads(path.read_text(encoding="utf-8")), fields)
            case ".jsonl":
                for line in _lines(path):
                    yield from _inside(json.loads(line), fields)
            case ".csv":
                with path.open(encoding="utf-8-sig", newline="") as file:
                    for row in csv.DictReader(file):
                        yield from (row[field] for field in fields if row.get(field))
            case ".parquet":
                yield from _columns(path, fields)
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error) as broken:
        raise ValueError(f"{path} cannot be read as {path.suffix[1:]}: {broken}") from broken


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
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


def _columns(path: Path, fields: Sequence[str]) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = [field for field in fields if field in file.schema_arrow.names]
            for batch in file.iter_batches(columns=names):
                for row in batch.to_pylist():
                    yield from (row[name] for name in names if isinstance(row[name], str))
    except pa.ArrowException as broken:
        raise ValueError(f"{path} cannot be read as parquet: {broken}") from broken
