"""What sources in parquet have in common, whatever their rows hold."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from irg.core import Document
from irg.core.trace import Trace
from irg.data.fields import RowPlace
from irg.data.rows import CACHE_BYTES, ParquetRows
from irg.data.source import Fault, RowError

Row = TypeVar("Row", Trace, Document)


class ParquetSource(ABC, Generic[Row]):
    """A source in a parquet file, or in a folder of them with or without a manifest.

    Groups of rows that were read lately stay in memory, `cache_bytes` of them. It can be sent to other
    processes. Not for several threads at once: `copy.copy` gives each its own.
    """

    def __init__(self, path: Path | str, columns: Sequence[str], cache_bytes: int = CACHE_BYTES) -> None:
        self.path = Path(path)
        self._rows = ParquetRows(self.path, columns, cache_bytes)

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def group_sizes(self) -> tuple[int, ...]:
        return tuple(group.rows for group in self._rows.groups)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def fingerprint(self) -> str:
        """Other characters where the files, or what is made of them, are others."""
        return self._rows.fingerprint

    def place(self, index: int) -> tuple[str, int]:
        """The file of a row, and the row in it (from 0)."""
        place = self._rows.place(index)
        return place.file, place.row

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": copy(self._rows)}

    def read(self, index: int) -> Row:
        """A row with its images decoded. Raises RowError if it cannot be used."""
        place, row = self._rows.row(index)
        self._refuse_duplicate(index, place)
        return self.from_row(row, place)

    def survey(self) -> Iterator[Row | RowError]:
        """Every row in order with its images `SizeOnly`, or why it cannot be used. Whether the pixels of its
        images can be decoded, only reading tells."""
        for index, (place, row) in enumerate(self._rows.scan(self.is_sketched)):
            if isinstance(row, RowError):
                yield row
                continue
            try:
                self._refuse_duplicate(index, place)
                sketch = self.sketch_of_row(row, place)
            except RowError as error:
                yield error
                continue
            yield sketch

    @abstractmethod
    def from_row(self, row: dict[str, Any], place: RowPlace) -> Row:
        """What a row says. Raises RowError."""

    @abstractmethod
    def sketch_of_row(self, row: dict[str, Any], place: RowPlace) -> Row:
        """The same without pixels. Raises RowError."""

    @abstractmethod
    def is_sketched(self, leaf: str) -> bool:
        """Whether a sketch needs a leaf of the columns, given as a dotted path."""

    @cached_property
    def _duplicates(self) -> dict[int, RowPlace]:
        return self._rows.duplicates("id")

    def _refuse_duplicate(self, index: int, place: RowPlace) -> None:
        if first := self._duplicates.get(index):
            raise place.error(Fault.DUPLICATE, f"its id is that of {first.file}, row {first.row}")
