"""Where a run keeps what it has: files of records, one for each series, and pictures beside them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Generic, Protocol, TypeVar

from PIL import Image
from pydantic import PlainSerializer, TypeAdapter

from irg.core.files import read_text, write_atomically
from irg.core.reading import read_image

_PICTURES = "pictures"
Key = tuple[Any, ...]


class StoredRecord(Protocol):
    """A dataclass that a store can keep, with its key, by which records are sorted."""

    @property
    def key(self) -> Key: ...


RecordT = TypeVar("RecordT", bound=StoredRecord)
Rounded = Annotated[float, PlainSerializer(lambda value: round(value, 4))]
"""A number of which four digits are kept."""
_adapter = cache(TypeAdapter)


def as_line(record: StoredRecord) -> str:
    """The record as a line of JSON; a field that has its default value is left out."""
    return json.dumps(_adapter(type(record)).dump_python(record, mode="json", exclude_defaults=True))


class SeriesStore(Generic[RecordT]):
    """The records of one series in `folder`, in `NAME.jsonl`: a header, then a line per record.

    The header says what has to agree for two runs to be one.
    """

    def __init__(self, folder: Path, name: str, header: Mapping[str, Any], kind: type[RecordT]) -> None:
        self.folder, self.name = folder, name
        self.header: dict[str, Any] = json.loads(json.dumps(header))
        self.path = folder / f"{name}.jsonl"
        self._lines: dict[Key, str] = {}
        self.records: dict[Key, RecordT] = {}
        for line in self._load():
            self._hold(_adapter(kind).validate_json(line), line)

    def add(self, records: Iterable[RecordT], pictures: Mapping[str, bytes]) -> None:
        """Keep some more; pictures first, so that records are never without theirs."""
        for name, content in pictures.items():
            path = self._path_of(name)
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, content)
        for record in records:
            self._hold(record, as_line(record))
        lines = (self._lines[key] for key in sorted(self._lines))
        write_atomically(self.path, "\n".join([json.dumps(self.header), *lines]) + "\n")

    def has(self, keys: Iterable[Key]) -> bool:
        return all(key in self.records for key in keys)

    def picture(self, name: str) -> Image.Image:
        """Raises ImageError if it is not there, or is no picture."""
        return read_image(self._path_of(name))

    def _path_of(self, picture: str) -> Path:
        return self.folder / _PICTURES / f"{self.name}-{picture}.png"

    def _hold(self, record: RecordT, line: str) -> None:
        self.records[record.key], self._lines[record.key] = record, line

    def _load(self) -> Sequence[str]:
        """What is there already. Raises ValueError if it is of another run."""
        if not self.path.exists():
            return []
        first, *lines = read_text(self.path).splitlines()
        found = json.loads(first)
        if found != self.header:
            differing = [name for name in self.header if found.get(name) != self.header[name]]
            raise ValueError(
                f"{self.path} is of another run ({', '.join(differing)} differ): choose another folder, or "
                "delete it"
            )
        return lines
