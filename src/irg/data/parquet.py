"""What sources in parquet have in common, whatever their rows hold."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from irg.core import Document
from irg.core.trace import Trace
from irg.data.rows import ParquetRows
from irg.data.source import Fault, RowError, RowPlace

Row = TypeVar("Row", Trace, Document)


class ParquetSource(ParquetRows, ABC, Generic[Row]):
    """A source in a parquet file, or in a folder of them with or without a manifest.

    Not for several threads at once: `copy.copy` gives each its own.
    """

    COLUMNS: ClassVar[tuple[str, ...]]

    def __init__(self, path: Path | str) -> None:
        super().__init__(Path(path), self.COLUMNS)
        self._twice: list[dict[int, RowPlace]] = []
        """Once it is known, of each row whose id has come before, the place of the first one. Copies share
        it: streams of a source go through its ids once."""

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def group_sizes(self) -> tuple[int, ...]:
        return tuple(group.rows for group in self.groups)

    @property
    def group_bytes(self) -> tuple[int, ...]:
        return tuple(group.size for group in self.groups)

    def read(self, index: int) -> Row:
        """A row with its images decoded. Raises RowError if it cannot be used."""
        place, row = self.row(index)
        self._refuse_duplicate(index, place)
        return self.from_row(row, place)

    def survey(self) -> Iterator[Row | RowError]:
        """Every row in order with its images `SizeOnly`, or why it cannot be used. Whether the pixels of its
        images can be decoded, only reading tells."""
        for index, (place, row) in enumerate(self.scan(self.is_sketched)):
            try:
                if isinstance(row, RowError):
                    raise row
                self._refuse_duplicate(index, place)
                sketch = self.from_row(row, place, sketch=True)
            except RowError as error:
                yield error
                continue
            yield sketch

    @abstractmethod
    def from_row(self, row: dict[str, Any], place: RowPlace, sketch: bool = False) -> Row:
        """What a row says; a `sketch` is without pixels. Raises RowError."""

    def is_sketched(self, leaf: str) -> bool:
        """Whether a sketch needs a leaf of the columns, given as a dotted path."""
        return True

    @property
    def _duplicates(self) -> dict[int, RowPlace]:
        if not self._twice:
            self._twice.append(self._found_twice())
        return self._twice[0]

    def _found_twice(self) -> dict[int, RowPlace]:
        """Rows may have no id."""
        first: dict[str, RowPlace] = {}
        found: dict[int, RowPlace] = {}
        for index, (place, row) in enumerate(self.scan(lambda leaf: leaf == "id")):
            value = None if isinstance(row, RowError) else row.get("id")
            if isinstance(value, str | int) and value != "":
                known = first.setdefault(str(value), place)
                if known != place:
                    found[index] = known
        return found

    def _refuse_duplicate(self, index: int, place: RowPlace) -> None:
        if first := self._duplicates.get(index):
            raise place.error(Fault.DUPLICATE, f"its id is that of {first.file}, row {first.row}")
