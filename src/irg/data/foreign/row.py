"""A row of a data set that is not ours: its values as they stand, and its pictures however they are kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from irg.core.files import inside, refuse_link
from irg.data.fields import Fields, shown
from irg.data.pictures import decode, from_base64
from irg.data.source import Fault, RowError, RowPlace

MOST_BYTES = 256 << 20
"""Of the file of a picture."""


@dataclass(frozen=True)
class ForeignRow:
    """The values of a row by column, the folder that pictures which are but named lie in, and the file that
    names them."""

    place: RowPlace
    values: Mapping[str, Any]
    folder: Path | None = None
    file: Path | None = None

    @property
    def fields(self) -> Fields:
        return Fields(self.place, self.values)

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def renamed(self, columns: Mapping[str, str]) -> "ForeignRow":
        """With values under other names too: `columns` says which column stands for a name."""
        return replace(
            self, values={**self.values, **{ours: self.values.get(columns[ours]) for ours in columns}}
        )

    def picture(self, name: str, value: Any = None) -> Image.Image:
        """The picture in a column, or in a `value` out of it: bytes, a structure of `bytes` and `path` as the
        `datasets` library has it, base64 as `data:`, or the name of a file. Raises RowError."""
        value = self.values.get(name) if value is None else value
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        match value:
            case bytes():
                return decode(value, self.place, name)
            case str() if value.startswith("data:"):
                return decode(self._of_address(value, name), self.place, name)
            case str() if value:
                return decode(self._file(value, name), self.place, value)
            case None | "":
                raise self.fields.error(Fault.MISSING_COLUMN, name, "is missing")
        raise self.fields.error(Fault.WRONG_TYPE, name, f"is {shown(value)}, expected a picture")

    def error(self, reason: Fault, detail: str) -> RowError:
        return self.place.error(reason, detail)

    def _of_address(self, value: str, name: str) -> bytes:
        head, _, content = value.partition(",")
        if not head.endswith(";base64"):
            raise self.fields.error(Fault.BROKEN_IMAGE, name, f"is {shown(head)}, expected base64")
        return from_base64(content, self.place, name)

    def _file(self, value: str, name: str) -> bytes:
        if "://" in value:
            problem = f"is the address {shown(value)}: nothing is fetched, expected a file"
            raise self.fields.error(Fault.UNREADABLE, name, problem)
        if self.folder is None:
            raise self.fields.error(Fault.UNREADABLE, name, f"names {shown(value)}, and no folder is known")
        path = Path(value)
        if not (
            path.is_absolute() and ".." not in path.parts and path.is_relative_to(self.folder.absolute())
        ):
            try:
                path = inside(self.folder, value)
            except ValueError as outside:
                raise self.error(Fault.UNREADABLE, str(outside)) from outside
        try:
            refuse_link(path, self.folder, *([] if self.file is None else [self.file.resolve().parent]))
        except ValueError as outside:
            raise self.error(Fault.UNREADABLE, str(outside)) from outside
        return read_picture(path, self.place)


class ForeignRows(Protocol):
    """Rows in order, of any file format; each is a row, or why it cannot be read."""

    def __len__(self) -> int:
        """How many there are, as far as that is known beforehand."""
        ...

    def __iter__(self) -> Iterator[ForeignRow | RowError]: ...


def read_picture(path: Path, place: RowPlace) -> bytes:
    """The bytes of a picture's file. Raises RowError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise place.error(Fault.BROKEN_IMAGE, f"{path.name} has more than {MOST_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as unreadable:
        why = "no such file" if isinstance(unreadable, FileNotFoundError) else unreadable.strerror
        raise place.error(Fault.UNREADABLE, f"{path.name} cannot be read: {why}") from unreadable
