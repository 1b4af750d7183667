"""Writing files so that a reader never sees half of one, and reading small ones."""

import csv
import errno
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn, TextIO

MOST_BYTES = 64 << 20
"""Of a JSON file that is read whole."""
MOST_LEVELS = 100
MOST_FIELD = 16 << 20
"""Characters of a field of a table."""
_LONGEST_NAME = 255
"""Bytes of a file's name that file systems take."""
PARTIAL = ".partial"
"""How the names of files end that are being written."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_NO_ROOM_WORDS = (os.strerror(errno.ENOSPC), "disk is full")
"""What libraries say that have no number for it."""
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Of a character that UTF-16 writes in two parts."""


def write_atomically(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write to a temporary file beside `path`, then rename it over `path`, with these permissions."""
    data = content.encode() if isinstance(content, str) else content
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as refused:  # which names the temporary file
        raise OSError(refused.errno, refused.strerror, str(path)) from refused
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def fresh(path: Path) -> Iterator[Path]:
    """A name beside `path` for what is written in the block, which then takes its place. Nothing is left of
    it after a failure."""
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def told_of(place: Path) -> Iterator[None]:
    """Where there is no room in the block, the error names `place`, which is written to, and not what was
    read meanwhile. Raises OSError."""
    try:
        yield
    except Exception as failure:
        number = failure.errno if isinstance(failure, OSError) else None
        if number not in _NO_ROOM and not any(words in str(failure) for words in _NO_ROOM_WORDS):
            raise
        number = number or errno.ENOSPC
        raise OSError(number, os.strerror(number), str(place)) from failure


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a finished file over `path`, readable by all: some writers leave it to their owner alone."""
    partial.chmod(0o644)
    partial.replace(path)


def delete(path: Path) -> None:
    """Delete a file, or a folder with all that is in it; nothing where there is neither."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file. Only ends of lines end one, and nothing else that Python takes for one:
    texts may hold such characters, JSON too."""
    *lines, last = read_text(path).split("\n")
    return [*lines, last] if last else lines


def table_rows(file: TextIO, delimiter: str = ",") -> Iterator[dict[str | Any, str | Any]]:
    """Rows of a table with a head, by its names. Raises csv.Error, also for a field of over `MOST_FIELD`
    characters: the module's own limit is one for all of a process, and whoever comes last sets it."""
    csv.field_size_limit(MOST_FIELD)
    return csv.DictReader(file, delimiter=delimiter)


def json_line(content: Any) -> str:
    """JSON on a line of its own. What is no Unicode, as some names of files are, is escaped."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace").decode()


class BadJson(ValueError):
    """A text that is no JSON, or none that is read here."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte-order mark. Raises ValueError for what is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as broken:
        raise ValueError(f"{path} is not UTF-8 text: {broken}") from broken


def parse_json(text: str, name: str) -> Any:
    """The value of a JSON text. Raises ValueError, which begins with `name`, for what is none, for NaN and
    infinity, for halves of characters, which cannot be written again, and for what is nested deeper than
    `MOST_LEVELS`, which nothing that reads it would stand."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"it holds {constant}")

    try:
        content = finite_json(text, refuse)
        # Without an escape, or another letter than ASCII's, there is none that could have come of it.
        if ("\\u" in text or not text.isascii()) and _HALF.search(text):
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as broken:
        raise BadJson(f"{name} is not valid JSON: {broken}") from broken
    level = [content]
    for _ in range(MOST_LEVELS):
        level = [inner for value in level for inner in _inside(value) if isinstance(inner, dict | list)]
        if not level:
            return content
    raise BadJson(f"{name} is not valid JSON: expected at most {MOST_LEVELS} levels")


def finite_json(text: str, refuse: Callable[[str], NoReturn]) -> Any:
    """The value of a JSON text; NaN, infinity and numbers that are too large for any but it are refused.
    Raises what `refuse` does, ValueError and RecursionError."""

    def finite(number: str) -> float:
        return value if math.isfinite(value := float(number)) else refuse(number[:40])

    return json.loads(text, parse_constant=refuse, parse_float=finite)


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The object in a JSON file. Raises ValueError for what is none."""
    if path.stat().st_size > most_bytes:
        raise ValueError(f"{path} is too long: expected at most {most_bytes:,} bytes")
    content = parse_json(read_text(path), str(path))
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def inside(folder: Path, name: Any) -> Path:
    """The file of this name in `folder`. Raises ValueError for what lies elsewhere, or is no name."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{folder}: {name!r} is no name of a file")
    path = PurePosixPath(name.replace("\\", "/"))
    if max(len(os.fsencode(part)) for part in path.parts or ("",)) > _LONGEST_NAME:
        raise ValueError(f"{folder}: {name[:40]!r}... is longer than a name of a file may be")
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise ValueError(f"{folder}: {name!r} lies outside of this folder")
    return folder / name


def refuse_link(path: Path, *homes: Path) -> None:
    """Raises ValueError for a link that leads out of these folders: whoever made it may have linked to what
    is not theirs. The hub's cache keeps all files of a folder elsewhere, and links to each: there, the folder
    in which the file really is that names the others is another home."""
    real = Path(os.path.realpath(path))  # which stands links that lead to themselves
    if not any(real.is_relative_to(os.path.realpath(home)) for home in homes):
        raise ValueError(f"{path} is a link that leads out of its folder: expected the file itself")


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
