"""Rows of WebDataset: tar files, in which the files of a sample follow each other and share a key."""

import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from irg.data.fields import load_json
from irg.data.foreign.listed import PICTURES
from irg.data.foreign.row import MOST_BYTES, ForeignRow
from irg.data.source import Fault, RowError, RowPlace

_TEXTS = ("txt", "text", "caption")
_BROKEN = (tarfile.TarError, zlib.error, OSError, EOFError)
"""What reading a damaged file raises."""


class _File(NamedTuple):
    """A file of a sample: the part of its name that says what it is, and its bytes."""

    kind: str
    data: bytes


class TarRows:
    """The samples of tar files. The key of a file is its name up to the first dot; what follows says what
    it is: `jpg`, `image1.png`, `txt`, `json`. Nothing is unpacked; links and devices are left alone."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        self._length: int | None = None

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(_num_samples(file) for file in self._files)
        return self._length

    def __iter__(self) -> Iterator[ForeignRow | RowError]:
        for file in self._files:
            number = 0
            try:
                for key, sample in groupby(_members(file), key=lambda member: member[0]):
                    files = [one for _, one in sample]
                    yield _row(RowPlace(str(file), number), key, files)
                    number += 1
            except _BROKEN as broken:
                yield RowPlace(str(file), number).error(Fault.UNREADABLE, f"it and all after it: {broken}")


def _members(path: Path) -> Iterator[tuple[str, _File]]:
    with _opened(path) as archive:
        for member in archive:
            named = _named(member)
            if named is None:
                continue
            if member.size > MOST_BYTES:
                raise tarfile.TarError(f"{member.name} has more than {MOST_BYTES:,} bytes")
            content = archive.extractfile(member)
            assert content is not None, "it is a file"
            data = content.read()
            if len(data) < member.size:
                raise tarfile.TarError(f"{member.name} ends after {len(data):,} of {member.size:,} bytes")
            yield named[0], _File(named[1], data)


def _opened(path: Path) -> tarfile.TarFile:
    """As it is, or gzipped. Other compressions are not tried: a few bytes of them ask for gigabytes."""
    with path.open("rb") as file:
        is_zipped = file.read(2) == b"\x1f\x8b"
    return tarfile.open(path, "r:gz" if is_zipped else "r:")


def _named(member: tarfile.TarInfo) -> tuple[str, str] | None:
    """Key and kind of a file; None for what is no file of a sample."""
    path = PurePosixPath(member.name)
    stem, dot, kind = path.name.partition(".")
    return (str(path.with_name(stem)), kind.lower()) if member.isfile() and stem and dot else None


def _num_samples(path: Path) -> int:
    """As far as the file can be read; what cannot be is one more."""
    keys: list[str] = []
    try:
        with _opened(path) as archive:
            for member in archive:
                if named := _named(member):
                    keys.append(named[0])
    except _BROKEN:
        return sum(1 for _ in groupby(keys)) + 1
    return sum(1 for _ in groupby(keys))


def _row(place: RowPlace, key: str, files: list[_File]) -> ForeignRow | RowError:
    values: dict[str, Any] = {"key": key}
    for kind, data in files:
        *name, ending = kind.split(".")
        try:
            if f".{ending}" in PICTURES:
                values[".".join(name) or "image"] = data
            elif kind in _TEXTS:
                values["text"] = data.decode("utf-8-sig").strip()
            elif kind == "json":
                content = load_json(data.decode("utf-8-sig"), place, f"{key}.json")
                if not isinstance(content, dict):
                    shown = json.dumps(content)[:40]
                    return place.error(Fault.WRONG_TYPE, f"{key}.json is {shown}, expected names and values")
                values = {**content, **values}
        except UnicodeDecodeError as broken:
            return place.error(Fault.WRONG_TYPE, f"{key}.{kind} is not UTF-8: {broken.reason}")
        except RowError as refused:
            return refused
    return ForeignRow(place, values)
