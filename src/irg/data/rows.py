"""Rows of parquet files by index, for all formats: group by group, each failing on its own."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irg.core.digest import content_of, digest_of
from irg.data.sets import is_work
from irg.data.shards import Manifest
from irg.data.source import Fault, RowError, RowPlace

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

_CACHE_BYTES = 256 << 20
"""Groups that were read lately are kept in memory up to so many bytes, and the newest two in any case: rows
come from two windows of groups (`irg.data.mixture`) at a time, while one makes way for the next."""
_CHUNK = 1 << 24
_SCANNED = 64
"""Rows decoded at once by a scan."""


@dataclass(frozen=True)
class RowGroup:
    """Rows of a file that are read together: a row group, or what is known of a file that cannot be read."""

    path: Path
    number: int
    first: int
    """The file's row (from 0) that it begins with."""
    rows: int
    fault: str = ""
    """Why it cannot be read, where that is known beforehand."""
    num_bytes: int = 0
    """Of the file, when it was found."""
    size: int = 0
    """Bytes that it takes in memory: as the file says, or else by its share of the file's rows."""

    def place(self, row: int) -> RowPlace:
        return RowPlace(str(self.path), self.first + row)

    def unreadable(self, row: int, why: object) -> RowError:
        detail = " ".join(str(why).split())
        return self.place(row).error(Fault.UNREADABLE, detail)

    def check_storage(self) -> None:
        """Raises OSError unless all bytes of the file that was found can still be had, damaged or not."""
        if self.fault:
            return
        if (size := self.path.stat().st_size) != self.num_bytes:
            raise OSError(
                f"{self.path} has {size:,} bytes, and had {self.num_bytes:,} before: it was replaced"
            )
        with self.path.open("rb", buffering=0) as file:
            while file.read(_CHUNK):
                pass


class ParquetRows:
    """The rows of a parquet file, or of all in a folder: in the manifest's order, or sorted by name.

    Only `columns` are read. Files are opened when they are needed and closed at once, so that the object can
    be sent to other processes; each keeps its own groups in memory. A file whose very structure cannot be
    read counts as one row, which fails. Raises ValueError where there are no parquet files.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, tuple(columns)
        self.groups = tuple(_groups(path))
        self._ends = tuple(accumulate(group.rows for group in self.groups))
        self._cache: OrderedDict[int, pyarrow.Table] = OrderedDict()
        self._damaged: dict[int, str] = {}
        """Of groups whose bytes can be had and make no sense: why."""

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getstate__(self) -> dict[str, Any]:
        """Of what is sent to other processes, and of `copy.copy`, which gives each thread its own."""
        return {**self.__dict__, "_cache": OrderedDict()}

    @property
    def fingerprint(self) -> str:
        return self._content

    @cached_property
    def _content(self) -> str:
        """A hash of what is in the files, in their order; not of where they lie, their names or times."""
        files = dict.fromkeys(group.path for group in self.groups)
        return digest_of(*(content_of(path) if path.is_file() else None for path in files))[:16]

    def place(self, index: int) -> RowPlace:
        group, row = self._find(index)
        return self.groups[group].place(row)

    def row(self, index: int) -> tuple[RowPlace, dict[str, Any]]:
        """Where a row is, and its values.

        Raises RowError if it cannot be read, and OSError where the file is not there any more.
        """
        number, row = self._find(index)
        group = self.groups[number]
        values = _values(group, self._table(number, row), row, row)
        if isinstance(values, RowError):
            raise values
        return group.place(row), values

    def scan(
        self, wanted: Callable[[str], bool] = lambda leaf: True
    ) -> Iterator[tuple[RowPlace, dict[str, Any] | RowError]]:
        """Every row in order with only the `wanted` leaves (dotted paths) of the columns; nothing is kept."""
        for group in self.groups:
            num_read = 0
            try:
                for values in self._scan_group(group, wanted):
                    yield group.place(num_read), values
                    num_read += 1
                fault = f"the row group holds {num_read} of {group.rows} rows"
            except _failures() as failure:
                group.check_storage()
                fault = str(failure)
            for row in range(num_read, group.rows):  # the others of its rows that nobody will ever see
                yield group.place(row), group.unreadable(row, fault)

    def _find(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)} in {self.path}")
        number = bisect_right(self._ends, index)
        return number, index - (self._ends[number] - self.groups[number].rows)

    def _table(self, number: int, row: int) -> "pyarrow.Table":
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        group = self.groups[number]
        if number in self._damaged:
            raise group.unreadable(row, self._damaged[number])
        try:
            table = _read_group(group, self.columns)
        except _failures() as failure:
            group.check_storage()
            self._damaged[number] = str(failure)
            raise group.unreadable(row, failure) from failure
        self._cache[number] = table
        while len(self._cache) > 2 and sum(one.nbytes for one in self._cache.values()) > _CACHE_BYTES:
            self._cache.popitem(last=False)
        return table

    def _scan_group(
        self, group: RowGroup, wanted: Callable[[str], bool]
    ) -> Iterator[dict[str, Any] | RowError]:
        with _opened(group) as file:
            leaves = [leaf for leaf in _leaves(file, self.columns) if wanted(leaf)]
            if not leaves:  # the rows are there all the same, and each will be found to lack them
                yield from ({} for _ in range(group.rows))
                return
            row = 0
            groups = [group.number]
            for batch in file.iter_batches(_SCANNED, row_groups=groups, columns=leaves, use_threads=False):
                for at in range(batch.num_rows):
                    yield _values(group, batch, at, row)
                    row += 1


_SPLITS = ("train", "held_out", "test", "validation", "valid", "val", "dev", "eval")
"""What the parts of a data set are called that are not to be mixed: folders, or how files' names begin."""


def splits(path: Path) -> list[str]:
    """The parts of a data set that the files in a folder belong to, as far as their names tell."""
    files = _files(path) if path.is_dir() else ()
    found = {split for file in files if (split := split_of(file.relative_to(path)))}
    return sorted(found, key=_SPLITS.index)


def split_of(file: Path) -> str | None:
    """The part that a file of a data set belongs to by its folders' names, or its own."""
    *folders, name = file.parts
    named = [*folders, name.split("-")[0].split(".")[0]]
    return next((one for one in named if one in _SPLITS), None)


def column_names(path: Path) -> Iterator[set[str]]:
    """The columns of each file that can be read, in order. Raises ValueError where there are no files."""
    from pyarrow import parquet

    for file in _files(path):
        try:
            yield set(parquet.read_schema(file).names)
        except _failures():
            continue  # reading its rows says what is wrong with it


def _groups(path: Path) -> Iterator[RowGroup]:
    manifest = Manifest.load(path) if path.is_dir() else None
    if manifest is None:
        for file in _files(path):
            yield from _cut(file, *_measured(file))
        return
    for entry in manifest.files:
        file = path / entry.name
        sizes = [entry.num_bytes * rows // max(entry.rows, 1) for rows in entry.groups]
        yield from _cut(file, entry.groups, sizes, "" if file.is_file() else "the file is missing")


def _cut(path: Path, counts: Sequence[int], sizes: Sequence[int], fault: str) -> Iterator[RowGroup]:
    firsts = accumulate(counts, initial=0)
    num_bytes = path.stat().st_size if path.is_file() else 0
    for number, (first, rows, size) in enumerate(zip(firsts, counts, sizes, strict=False)):
        yield RowGroup(path, number, first, rows, fault, num_bytes, size)


def parquet_files(path: Path) -> list[Path]:
    """A parquet file itself, or those in a folder, sorted by name; not what is hidden, and not what a
    curation made on its way to a set."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path}: no such file or folder")
    found = path.rglob("*.parquet")
    return sorted(one for one in found if not _is_hidden(one.relative_to(path)) and not is_work(one, path))


def _files(path: Path) -> list[Path]:
    if not (found := parquet_files(path)):
        raise ValueError(f"{path} holds no parquet files")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _measured(path: Path) -> tuple[list[int], list[int], str]:
    """Rows and bytes of a file's groups; of one that cannot be read, a single row, and why."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(one) for one in range(file.num_row_groups)]
        return [one.num_rows for one in groups], [one.total_byte_size for one in groups], ""
    except _failures() as failure:
        return [1], [0], str(failure)


def _read_group(group: RowGroup, columns: Sequence[str]) -> "pyarrow.Table":
    with _opened(group) as file:
        return file.read_row_group(group.number, columns=_leaves(file, columns), use_threads=False)


@contextmanager
def _opened(group: RowGroup) -> Iterator["parquet.ParquetFile"]:
    """The file of a group, which still has the group that its manifest or its own footer spoke of."""
    from pyarrow import parquet

    if group.fault:
        raise OSError(group.fault)
    with parquet.ParquetFile(group.path, page_checksum_verification=True) as file:
        metadata = file.metadata
        has_group = group.number < metadata.num_row_groups
        rows = metadata.row_group(group.number).num_rows if has_group else 0
        if rows != group.rows:
            raise OSError(f"row group {group.number} has {rows} rows, {group.rows} were expected")
        yield file


def _leaves(file: "parquet.ParquetFile", columns: Sequence[str]) -> list[str]:
    """Dotted paths of all that the file holds in the columns."""
    paths = [file.schema.column(number).path for number in range(len(file.schema.names))]
    return [path for path in paths if path.split(".")[0] in columns]


def _values(
    group: RowGroup, table: "pyarrow.Table | pyarrow.RecordBatch", at: int, row: int
) -> dict[str, Any] | RowError:
    """The values of row `at` of a table, which is `row` of the group."""
    values: dict[str, Any] = {}
    for name in table.schema.names:
        try:
            values[name] = table.column(name)[at].as_py()
        except (ValueError, OverflowError) as broken:  # text that is no UTF-8, dates that Python has not
            return group.place(row).error(Fault.WRONG_TYPE, f"{name}: {broken}")
    return values


def _failures() -> tuple[type[Exception], ...]:
    """What reading a damaged file raises."""
    import pyarrow

    return pyarrow.ArrowException, OSError
