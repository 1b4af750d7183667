"""Data sets as folders: parquet files written in groups of a size that streams well, and their manifest."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from irg.core.files import inside, put_in_place, read_json, write_atomically
from irg.core.values import check_number

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

MANIFEST = "manifest.json"
VERSION = 1
"""Of the manifest and of the columns that the files of a format have."""
GROUP_BYTES = 24 << 20
"""A group of rows ends when it holds so many bytes: what is read at once to get at one of its rows."""
FILE_BYTES = 1 << 30
_STAGING = ".partial"


@dataclass(frozen=True)
class FileEntry:
    """A file of a data set: rows, rows of each group, size, hash, and rows that teach each mode."""

    name: str
    rows: int
    groups: tuple[int, ...]
    num_bytes: int
    sha256: str
    modes: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    """What a data set's folder holds. `format` names its columns, `provenance` says where it came from."""

    format: str
    files: tuple[FileEntry, ...]
    provenance: dict[str, Any]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def modes(self) -> dict[str, int]:
        return _summed(file.modes for file in self.files)

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """The manifest of a folder, or None if it has none. Raises ValueError for one that is no manifest."""
        path = folder / MANIFEST
        if not path.is_file():
            return None
        try:
            content = read_json(path)
            if content["version"] != VERSION:
                raise ValueError(f"{path} has version {content['version']}, expected {VERSION}")
            files = tuple(_entry(folder, entry) for entry in content["files"])
            manifest = cls(str(content["format"]), files, dict(content["provenance"]))
            if any(sum(file.groups) != file.rows for file in files):
                raise ValueError(f"{path} contradicts itself: the rows of a file are not those of its groups")
            return manifest
        except (KeyError, TypeError, AttributeError) as broken:
            raise ValueError(f"{path} is not the manifest of a data set: {broken!r}") from broken

    def save(self, folder: Path) -> None:
        content = {
            "format": self.format,
            "version": VERSION,
            "rows": self.rows,
            "modes": self.modes,
            "provenance": self.provenance,
            "files": [asdict(file) for file in self.files],
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(folder / MANIFEST, text + "\n")


def _entry(folder: Path, content: Mapping[str, Any]) -> FileEntry:
    """Raises ValueError, KeyError, TypeError or AttributeError for what is none."""
    entry = FileEntry(**{**content, "groups": tuple(content["groups"])})
    what = f"{folder / MANIFEST}: {inside(folder, entry.name).name}"
    check_number(f"{what}: num_bytes", entry.num_bytes, 0, whole=True)
    # A row takes a byte at least; more of them than that would be gone through for nothing.
    for name, value in (("rows", entry.rows), *(("groups", one) for one in entry.groups)):
        check_number(f"{what}: {name}", value, 0, entry.num_bytes, whole=True)
    for mode, count in entry.modes.items():
        check_number(f"{what}: modes.{mode}", count, 0, whole=True)
    if not isinstance(entry.sha256, str):
        raise ValueError(f"{what}: sha256 {entry.sha256!r}: expected a text")
    return entry


def verify(folder: Path, done: Callable[[FileEntry], None] = lambda _: None) -> Iterator[str]:
    """What is not as the manifest says, file by file; nothing if all is. `done` hears of each file.

    Raises ValueError where there is no manifest.
    """
    manifest = Manifest.load(folder)
    if manifest is None:
        raise ValueError(f"{folder} has no {MANIFEST} to verify it against")
    for entry in manifest.files:
        path = folder / entry.name
        if not path.is_file():
            yield f"{entry.name} is missing"
        elif path.stat().st_size != entry.num_bytes:
            yield f"{entry.name} has {path.stat().st_size:,} bytes, the manifest says {entry.num_bytes:,}"
        elif (found := file_hash(path)) != entry.sha256:
            yield f"{entry.name} has SHA-256 {found[:16]}..., the manifest says {entry.sha256[:16]}..."
        done(entry)
    known = {entry.name for entry in manifest.files}
    for path in sorted(folder.glob("*.parquet")):
        if path.name not in known:
            yield f"{path.name} is not in the manifest, and not read"


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class ShardFormat:
    """What the files of a format look like: its name, the columns, those whose values often come again, and
    where groups and files end, beside `GROUP_BYTES` and `FILE_BYTES`."""

    name: str
    prefix: str
    schema: "pyarrow.Schema"
    repeated: tuple[str, ...] = ()
    rows_per_group: int = 1024
    rows_per_file: int = 65_536

    def __post_init__(self) -> None:
        if self.rows_per_group < 1 or self.rows_per_file < 1:
            raise ValueError(
                f"{self.rows_per_group} rows a group, {self.rows_per_file} a file: expected at least 1"
            )


class ShardWriter:
    """Writes a data set. A context manager: all is made in a hidden folder, whose files are moved when it is
    left without an error; otherwise it is thrown away. The manifest comes first: of a process that is killed
    while it moves them, a set stays that is told not to be whole, and that the next writer takes away.

    The same rows give the same bytes. Raises ValueError for a folder that holds a data set already.
    """

    def __init__(self, folder: Path, form: ShardFormat, provenance: dict[str, Any] | None = None) -> None:
        self.folder, self.form, self.provenance = folder, form, provenance or {}
        self._entries: list[FileEntry] = []
        self._rows: list[dict[str, Any]] = []
        self._num_bytes = 0
        self._groups: list[int] = []
        self._modes: Counter[str] = Counter()
        self._file: parquet.ParquetWriter | None = None
        self._made = False

    @property
    def num_rows(self) -> int:
        return sum(entry.rows for entry in self._entries) + sum(self._groups) + len(self._rows)

    @property
    def modes(self) -> dict[str, int]:
        """How many of the rows written so far teach each mode."""
        return _summed([*(entry.modes for entry in self._entries), self._modes])

    @property
    def _staging(self) -> Path:
        return self.folder / _STAGING

    @property
    def _name(self) -> str:
        return f"{self.form.prefix}-{len(self._entries):05d}.parquet"

    def __enter__(self) -> Self:
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder} is a file, expected a folder to write into")
        self._clear_half_moved()
        if (self.folder / MANIFEST).exists() or any(self.folder.glob("*.parquet")):
            raise ValueError(f"{self.folder} holds a data set already: choose another folder, or remove it")
        json.dumps(self.provenance, allow_nan=False)  # what cannot be written is better known now
        self._made = not self.folder.exists()
        shutil.rmtree(self._staging, ignore_errors=True)  # what a killed process left
        self._staging.mkdir(parents=True)
        return self

    def write_row(self, row: dict[str, Any], modes: Iterable[str] = ()) -> None:
        """Add a row, which teaches the `modes`."""
        weight = bytes_of(row)
        if self._rows and self._num_bytes + weight > GROUP_BYTES:
            self._end_group()
        self._rows.append(row)
        self._num_bytes += weight
        self._modes.update(map(str, modes))
        is_full = sum(self._groups) + len(self._rows) >= self.form.rows_per_file
        if is_full or len(self._rows) >= self.form.rows_per_group or self._num_bytes >= GROUP_BYTES:
            self._end_group()
        if is_full or (self._file and (self._staging / self._name).stat().st_size >= FILE_BYTES):
            self._end_file()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
            elif self._file is not None:
                self._file.close()
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)
            if self._made and not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _finish(self) -> None:
        self._end_group()
        self._end_file()
        Manifest(self.form.name, tuple(self._entries), self.provenance).save(self.folder)
        for entry in self._entries:
            put_in_place(self._staging / entry.name, self.folder / entry.name)

    def _clear_half_moved(self) -> None:
        """Take away what a process that was killed while it moved its files has moved of them."""
        manifest = Manifest.load(self.folder) if self._staging.is_dir() else None
        if manifest is None or all((self.folder / file.name).exists() for file in manifest.files):
            return
        for file in manifest.files:
            (self.folder / file.name).unlink(missing_ok=True)
        (self.folder / MANIFEST).unlink()

    def _end_group(self) -> None:
        import pyarrow
        from pyarrow import parquet

        if not self._rows:
            return
        if self._file is None:
            self._file = parquet.ParquetWriter(
                self._staging / self._name,
                self.form.schema,
                compression="zstd",
                use_dictionary=list(self.form.repeated),  # pyright: ignore[reportArgumentType]
                write_statistics=False,
                write_page_checksum=True,
            )
        table = pyarrow.Table.from_pylist(self._rows, schema=self.form.schema)
        self._file.write_table(table, row_group_size=len(self._rows))
        self._groups.append(len(self._rows))
        self._rows, self._num_bytes = [], 0

    def _end_file(self) -> None:
        self._end_group()
        if self._file is None:
            return
        self._file.close()
        path, groups = self._staging / self._name, tuple(self._groups)
        entry = FileEntry(
            path.name, sum(groups), groups, path.stat().st_size, file_hash(path), dict(self._modes)
        )
        self._entries.append(entry)
        self._file, self._groups, self._modes = None, [], Counter()


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return dict(sum(map(Counter, counts), Counter()))


def bytes_of(value: Any) -> int:
    """Roughly what a row, or a value in it, takes."""
    if isinstance(value, dict):
        return sum(map(bytes_of, value.values()))
    if isinstance(value, list):
        return sum(map(bytes_of, value))
    return len(value) if isinstance(value, str | bytes) else 8
