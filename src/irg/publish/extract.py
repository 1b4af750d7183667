"""What of a set is published: which rows, in which part of it.

A set is the folder of a finished curation, or one that was published, whose parts are stores of traces; or
it is one store. Rows are moved as they are stored, without decoding a picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from irg.core.digest import digest_of
from irg.data.fields import Fields
from irg.data.formats import Format, detect
from irg.data.rows import ParquetRows
from irg.data.sets import (
    HELD_OUT,
    MANIFEST,
    TRAIN,
    is_held_out,
    read_manifest,
)
from irg.data.shards import Manifest, bytes_of
from irg.data.source import Fault, RowError, RowPlace
from irg.data.trace_rows import COLUMNS

_ORDER = (TRAIN, HELD_OUT)


@dataclass(frozen=True)
class Extract:
    """How much of a set is published, and how it is split. None is all of it, and the split that it has."""

    held_out: float | None = None
    """Share of the prompts that are kept from training, by a hash of their words."""
    max_rows: int | None = None
    max_bytes: int | None = None
    """Of all that is published, down to the card."""

    def __post_init__(self) -> None:
        if self.held_out is not None and not 0 <= self.held_out < 1:
            raise ValueError(f"held-out share {self.held_out}: expected at least 0 and below 1")
        for name in ("max_rows", "max_bytes"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} {value}: expected at least 1")


@dataclass(frozen=True)
class Entry:
    """A row that can be published: the store and the row in it, its part, and what it is chosen by."""

    store: int
    index: int
    part: str
    order: str
    num_bytes: int


class Stock:
    """The rows of a set. Raises ValueError for a path that holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts = _parts(path)
        self._stores = [ParquetRows(store, COLUMNS) for store in self._parts.values()]

    def __len__(self) -> int:
        return sum(map(len, self._stores))

    @property
    def rejects(self) -> dict[str, dict[str, int]]:
        """What the curation rejected, by stage and reason; nothing where that is not known."""
        manifest = self._curation
        return manifest["rejects"] if manifest else {}

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What the set says of all its traces."""
        if self._curation:
            return self._curation["provenance"]
        manifests = [Manifest.load(store) for store in self._parts.values() if store.is_dir()]
        return manifests[0].provenance if manifests and manifests[0] else {}

    def entries(self, held_out: float | None, sized: bool) -> list[Entry]:
        """All rows in order, with their sizes if `sized`, which takes reading all of them.

        Raises RowError for one that cannot be read, and for two of the same id.
        """
        found: list[Entry] = []
        known: set[str] = set()
        for number, (part, store) in enumerate(zip(self._parts, self._stores, strict=True)):
            wanted = (lambda leaf: True) if sized else (lambda leaf: leaf in ("id", "prompt"))
            for index, (place, row) in enumerate(store.scan(wanted)):
                fields = _fields(place, row)
                name = fields.words("id")
                if name in known:
                    raise fields.error(Fault.DUPLICATE, "id", f"{name} comes twice")
                known.add(name)
                if held_out is not None:
                    part = HELD_OUT if is_held_out(fields.text("prompt"), held_out) else TRAIN
                found.append(Entry(number, index, part, digest_of(name), bytes_of(row) if sized else 0))
        return found

    def read(self, entries: Sequence[Entry]) -> Iterator[tuple[str, RowPlace, dict[str, Any]]]:
        """The part, the place and the values of each of these rows."""
        for entry in entries:
            place, row = self._stores[entry.store].row(entry.index)
            yield entry.part, place, row

    @cached_property
    def _curation(self) -> dict[str, Any] | None:
        """The manifest of the curation, of which stores have another."""
        return read_manifest(self.path) if (self.path / "data").is_dir() else None


def choose(entries: Sequence[Entry], max_rows: int | None, max_bytes: int | None) -> list[Entry]:
    """A fair sample within the bounds, in the order of the set: the rows whose ids have the smallest hashes.

    So a smaller sample is part of a larger one, and both parts of the set are in it by their shares.
    """
    chosen: list[Entry] = []
    total = 0
    for entry in sorted(entries, key=lambda entry: entry.order)[:max_rows]:
        total += entry.num_bytes
        if max_bytes is not None and total > max_bytes:
            break
        chosen.append(entry)
    return sorted(chosen, key=lambda entry: (entry.store, entry.index))


def _parts(path: Path) -> dict[str, Path]:
    """The stores of a set by the names of its parts, training first."""
    data = path / "data"
    if data.is_dir():
        folders = [folder for folder in data.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
        names = sorted(
            (folder.name for folder in folders), key=lambda name: (name not in _ORDER, name != TRAIN)
        )
        found = {name: data / name for name in names}
    elif (path / MANIFEST).is_file() or path.is_file() or any(path.glob("*.parquet")):
        found = {TRAIN: path}
    else:
        found = {}
    if not found:
        raise ValueError(f"{path} holds no set: expected the folder of a finished curation, or one of traces")
    for store in found.values():
        if (kind := detect(store)) is not Format.TRACES:
            raise ValueError(f"{store} holds {kind}, expected traces: irg data convert makes them")
    return found


def _fields(place: RowPlace, row: dict[str, Any] | RowError) -> Fields:
    if isinstance(row, RowError):
        raise row
    return Fields(place, row)
