"""Foreign data sets as sources of traces and documents: which file format a path or hub id has.

They are read in order, to be converted. To train on one, or to look into it, it is converted first.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from irg.core import Document, Kind, Role, Segment
from irg.core.trace import Trace
from irg.data.foreign.layouts import COLUMNS, made_of
from irg.data.foreign.listed import (
    LISTS,
    PICTURES,
    CaptionedPictures,
    ChainedRows,
    ListedRows,
    is_metadata,
    lists_in,
)
from irg.data.foreign.row import ForeignRow, ForeignRows
from irg.data.foreign.tables import SPLITS, STATE, ParquetTable, SavedTable
from irg.data.foreign.tars import TarRows
from irg.data.rows import split_of
from irg.data.source import RowError, RowPlace

_HUB_FILES = (
    "*.parquet",
    "*.tar",
    "*.tar.gz",
    "*.arrow",
    *(f"*{end}" for end in (*LISTS, *PICTURES, ".txt")),
)
_TARS = (".tar", ".tgz", ".tar.gz")
_KNOWN = (
    "pictures with captions beside them (cat.jpg, cat.txt), a metadata.jsonl or .csv that names pictures, "
    "parquet, JSON lines, WebDataset tar files, or what save_to_disk has written"
)


@dataclass(frozen=True)
class ForeignReading:
    """How a foreign data set is to be read."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """By what we look for (`layouts.COLUMNS`), the column that has it."""
    pictures: Path | None = None
    """Where the pictures lie that rows name; None: where the list does."""
    split: str | None = None
    """The only split to be read, where there are several."""
    system_prompt: str | None = None
    """Put before documents that have none."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.columns if name not in COLUMNS]:
            raise ValueError(f"--columns: {unknown[0]!r} is none of {', '.join(COLUMNS)}")
        if self.pictures is not None and not self.pictures.is_dir():
            raise ValueError(f"{self.pictures}: no such folder, expected one of pictures")


class ForeignSource:
    """The rows of a foreign data set, each with what is made of it. Raises ValueError for what is none."""

    def __init__(self, path: Path, reading: ForeignReading | None = None) -> None:
        self.path, self.reading = path, reading or ForeignReading()
        self.rows = _rows_of(path, self.reading)

    def __len__(self) -> int:
        return len(self.rows)

    def read_all(self) -> Iterator[tuple[RowPlace, list[Trace | Document | RowError]]]:
        """Row after row, where it is and what is made of it."""
        for row in self.rows:
            if isinstance(row, RowError):
                yield RowPlace(row.file, row.row), [row]
            else:
                yield row.place, self._made(row)

    def _made(self, row: ForeignRow) -> list[Trace | Document | RowError]:
        try:
            return [self._prompted(one) for one in made_of(row, self.reading.columns)]
        except RowError as refused:
            return [refused]

    def _prompted(self, one: Trace | Document | RowError) -> Trace | Document | RowError:
        prompt = self.reading.system_prompt
        if prompt is None or isinstance(one, RowError):
            return one
        if isinstance(one, Trace):
            return replace(one, system_prompt=prompt)
        if one.segments[0].role is Role.SYSTEM:
            return one
        return replace(one, segments=(Segment(Kind.TEXT, Role.SYSTEM, prompt), *one.segments))


def fetch(name: str, revision: str | None = None) -> Path:
    """The files of a data set on the hub, those that are not here yet fetched. Raises ValueError."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(name, repo_type="dataset", revision=revision, allow_patterns=list(_HUB_FILES))
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as failure:
        raise ValueError(
            f"{name} is nothing here, and could not be fetched from the hub: {failure}"
        ) from failure


def _rows_of(path: Path, reading: ForeignReading) -> ForeignRows:
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    if path.is_file():
        return _rows_of_file(path, reading)
    if (path / SPLITS).is_file():
        splits = sorted(one.name for one in path.iterdir() if (one / STATE).is_file())
        return _rows_of(path / _chosen(path, splits, reading.split), replace(reading, split=None))
    if (path / STATE).is_file():
        return SavedTable(path)
    for suffixes, kind in (((".parquet",), ParquetTable), (_TARS, TarRows)):
        if files := [file for file in _all(path) if file.name.lower().endswith(suffixes)]:
            chosen = _of_split(path, files, reading.split)
            return ParquetTable(chosen, reading.pictures or path) if kind is ParquetTable else TarRows(chosen)
    return _rows_of_folder(path, reading)


def _rows_of_file(path: Path, reading: ForeignReading) -> ForeignRows:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return ParquetTable([path], reading.pictures or path.parent)
    if name.endswith(_TARS):
        return TarRows([path])
    if name.endswith(LISTS):
        return ListedRows(path, reading.pictures)
    raise ValueError(f"{path} is no data set: expected {_KNOWN}")


def _rows_of_folder(path: Path, reading: ForeignReading) -> ForeignRows:
    """Pictures, and what is said of them in lists or beside them."""
    if lists := lists_in(path):
        lists = _of_split(path, lists, reading.split)
        if len({file.parent for file in lists}) < len(lists):
            several = ", ".join(str(file.relative_to(path)) for file in lists)
            raise ValueError(f"{path} has several lists of pictures, {several}: name one of them")
        return ChainedRows([ListedRows(file, reading.pictures, is_metadata(file)) for file in lists])
    captioned = CaptionedPictures(path / reading.split if reading.split else path)
    if not captioned.has_captions:
        raise ValueError(f"{path} holds no data set: expected {_KNOWN}")
    return captioned


def _all(path: Path) -> Iterator[Path]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
            yield file


def _of_split(path: Path, files: list[Path], split: str | None) -> list[Path]:
    """The files of the split asked for. Raises ValueError where there are several, and none is."""
    named = {file: split_of(file.relative_to(path)) for file in files}
    splits = [one for one in dict.fromkeys(named.values()) if one]
    if len(splits) < 2 and split is None:
        return files
    chosen = _chosen(path, splits, split)
    return [file for file in files if named[file] == chosen]


def _chosen(path: Path, splits: Iterable[str], split: str | None) -> str:
    known = sorted(splits)
    if split is not None and split not in known:
        raise ValueError(f"{path} has no split {split!r}, only {', '.join(known) or 'one without a name'}")
    if split is None and len(known) != 1:
        raise ValueError(f"{path} holds {', '.join(known)}, which are not to be mixed: choose one by --split")
    return split or known[0]
