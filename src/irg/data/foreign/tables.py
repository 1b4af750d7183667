"""Rows of tables: parquet files of any columns, and what the `datasets` library saves to the disk."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irg.core.files import inside, read_json
from irg.data.foreign.row import ForeignRow
from irg.data.rows import ParquetRows, column_names
from irg.data.source import Fault, RowError, RowPlace

if TYPE_CHECKING:
    import pyarrow

STATE, SPLITS = "state.json", "dataset_dict.json"
"""Of a saved data set, and of one with several splits, each of which is one."""


class ParquetTable:
    """The rows of parquet files with all their columns. `folder` is where pictures that are named lie."""

    def __init__(self, files: Sequence[Path], folder: Path | None = None) -> None:
        names = sorted({name for file in files for columns in column_names(file) for name in columns})
        self._parts = [ParquetRows(file, names) for file in files]
        self._folder = folder

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[ForeignRow | RowError]:
        for part in self._parts:
            for place, values in part.scan():
                row = ForeignRow(place, {}, self._folder, Path(place.file))
                yield values if isinstance(values, RowError) else replace(row, values=values)


class SavedTable:
    """What `Dataset.save_to_disk` has left: Arrow files, which its `state.json` names.

    Raises ValueError for a folder that is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            named = [one["filename"] for one in read_json(path / STATE)["_data_files"]]
        except (KeyError, TypeError) as broken:
            raise ValueError(f"{path / STATE} names no data files: {broken!r}") from broken
        self._path, self._files = path, [inside(path, name) for name in named]
        self._lengths = [_num_rows(file) for file in self._files]

    def __len__(self) -> int:
        return sum(self._lengths)

    def __iter__(self) -> Iterator[ForeignRow | RowError]:
        import pyarrow

        for file in self._files:
            number = 0
            try:
                for batch in _batches(file):
                    for values in _values(batch):
                        place = RowPlace(str(file), number)
                        yield ForeignRow(place, values, self._path, file)
                        number += 1
            except (pyarrow.ArrowException, OSError, ValueError) as broken:
                place = RowPlace(str(file), number)
                yield place.error(Fault.UNREADABLE, f"it and all after it: {' '.join(str(broken).split())}")


def _batches(file: Path) -> Iterator["pyarrow.RecordBatch"]:
    """Each checked before anything is taken from it: a damaged one would take the process down."""
    import pyarrow

    with pyarrow.memory_map(str(file)) as source, pyarrow.ipc.open_stream(source) as stream:
        for batch in stream:
            batch.validate(full=True)
            yield batch


def _values(batch: "pyarrow.RecordBatch") -> Iterator[dict[str, Any]]:
    """One row after the other: all at once, the pictures of a batch may be many."""
    for number in range(batch.num_rows):
        yield batch.slice(number, 1).to_pylist()[0]


def _num_rows(file: Path) -> int:
    """Of a file that cannot be read, one: the one that will say so."""
    import pyarrow

    try:
        return sum(batch.num_rows for batch in _batches(file))
    except (pyarrow.ArrowException, OSError):
        return 1
