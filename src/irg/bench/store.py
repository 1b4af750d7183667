"""Where a run keeps what it has: files of records, one for each series, and pictures beside them."""

import gc
import json
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Generic, Protocol, TypeVar

from PIL import Image
from pydantic import PlainSerializer, TypeAdapter, ValidationError
from pydantic_core import from_json

from irg.core.files import inside, parse_json, write_atomically
from irg.core.reading import read_image
from irg.core.settings import faults_of, shown

_PICTURES = "pictures"
Key = tuple[Any, ...]


class StoredRecord(Protocol):
    """A dataclass that a store can keep, with its key."""

    @property
    def key(self) -> Key: ...


RecordT = TypeVar("RecordT", bound=StoredRecord)
Rounded = Annotated[float, PlainSerializer(lambda value: round(value, 4))]
"""A number of which four digits are kept."""
_adapter = cache(TypeAdapter)


@contextmanager
def all_kept() -> Iterator[None]:
    """While very much is made that is kept: to look for cycles in it again and again takes longer than to
    make it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def as_line(record: StoredRecord) -> str:
    """The record as a line of JSON; a field that has its default value is left out."""
    return json.dumps(_adapter(type(record)).dump_python(record, mode="json", exclude_defaults=True))


class StoredLines:
    """The lines of a file, which is open as long as this lives. What the last one said is kept, since who
    asks for a part of it will ask for another."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._last: tuple[int, Any] | None = None

    def read(self, start: int, length: int) -> Any:
        if self._last is None or self._last[0] != start:
            self._last = start, from_json(os.pread(self._file, length, start))
        return self._last[1]


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line where it lies, to be read when it is asked for."""

    lines: StoredLines
    start: int
    length: int

    def read(self) -> Any:
        """All that it says, as JSON."""
        return self.lines.read(self.start, self.length)


@dataclass(frozen=True)
class Lightening(Generic[RecordT]):
    """How records are kept that are too large for the memory: a line is read as `kind`, which leaves out what
    is large, and `record` makes one of it, given the line, from which all that it says can be read again."""

    kind: type
    record: Callable[[Any, StoredLine], RecordT]


def header_of(path: Path, line: bytes) -> dict[str, Any]:
    """What the first line of a series says of its run. Raises ValueError for one that says nothing."""
    content = parse_json(line.decode(errors="replace"), f"{path}, line 1")
    if not isinstance(content, dict):
        raise ValueError(f"{path}, line 1: {shown(content)}: expected what run it is of")
    return content


class SeriesStore(Generic[RecordT]):
    """The records of one series in `folder`, in `NAME.jsonl`: a header, then a line per record. Of several
    records with one key the last one holds.

    The header says what has to agree for two runs to be one. Each process that adds to the same series has a
    number of its own, and all but the first a folder for it; all of them find everything. Records are in
    memory, of large ones what `light` leaves of them.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        header: Mapping[str, Any],
        kind: type[RecordT],
        process: int = 0,
        light: Lightening[RecordT] | None = None,
    ) -> None:
        self.folder, self.name = folder, name
        self.header: dict[str, Any] = json.loads(json.dumps(header))
        self.path = inside(folder / f"process{process}" if process else folder, f"{name}.jsonl")
        self.records: dict[Key, RecordT] = {}
        self._whole_bytes = 0
        """Of the file that this process adds to, up to the end of its last whole line."""
        self._light = light
        self._lines: dict[Path, StoredLines] = {}
        adapter: TypeAdapter[Any] = _adapter(kind if light is None else light.kind)
        with all_kept():
            self._read_all(adapter)

    def add(self, records: Iterable[RecordT], pictures: Mapping[str, bytes]) -> None:
        """Keep some more, for good once this returns; pictures first, so that records are never without
        theirs."""
        for name, content in pictures.items():
            path = self.path_of(name)
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, content)
        head = b"" if self._whole_bytes else f"{json.dumps(self.header)}\n".encode()
        added = [(record, f"{as_line(record)}\n".encode()) for record in records]
        start = self._whole_bytes + len(head)
        self._append(head + b"".join(line for _, line in added))
        for record, line in added:
            self._keep(record, self.path, start, len(line))
            start += len(line)

    def has(self, keys: Iterable[Key]) -> bool:
        return all(key in self.records for key in keys)

    def path_of(self, picture: str) -> Path:
        """Raises ValueError for a name that leads elsewhere."""
        return inside(self.folder / _PICTURES, f"{self.name}-{picture}.png")

    def picture(self, name: str) -> Image.Image:
        """Raises ImageError if it is not there, or is no picture."""
        return read_image(self.path_of(name))

    def _keep(self, record: Any, path: Path, start: int, length: int) -> None:
        if self._light is not None:
            if path not in self._lines:
                self._lines[path] = StoredLines(path)
            record = self._light.record(record, StoredLine(self._lines[path], start, length))
        self.records[record.key] = record

    def _read_all(self, adapter: TypeAdapter[Any]) -> None:
        folder, name = self.folder, self.name
        for path in (folder / f"{name}.jsonl", *sorted(folder.glob(f"process*/{name}.jsonl"))):
            for number, (start, line) in enumerate(self._read(path), start=2):
                try:
                    record = adapter.validate_json(line)
                except ValidationError as wrong:
                    raise ValueError(
                        f"{path}, line {number}: no record of {name}: {faults_of(wrong)}"
                    ) from wrong
                self._keep(record, path, start, len(line))

    def _append(self, content: bytes) -> None:
        self.path.parent.mkdir(exist_ok=True)
        with open(self.path, "ab") as file:
            file.truncate(self._whole_bytes)  # a line that a killed process left half written
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._whole_bytes += len(content)

    def _read(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """The records' lines of a file that is there, each with where it begins. Raises ValueError if they
        are of another run."""
        if not path.exists():
            return
        with open(path, "rb") as file:
            first = file.readline()
            if not first.endswith(b"\n"):
                return
            self._check(path, header_of(path, first))
            start = len(first)
            for line in file:
                if line.endswith(b"\n"):
                    yield start, line
                    start += len(line)
        if path == self.path:
            self._whole_bytes = start

    def _check(self, path: Path, found: Mapping[str, Any]) -> None:
        if found != self.header:
            names = dict.fromkeys((*self.header, *found))
            differing = [name for name in names if found.get(name) != self.header.get(name)]
            raise ValueError(
                f"{path} is of another run ({', '.join(differing)} differ): choose another folder, or "
                "delete it"
            )
