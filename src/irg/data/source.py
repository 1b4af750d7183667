"""Sources: where training samples come from, and how a row that cannot be used is named."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from irg.core import Document
from irg.core.trace import Trace


class Fault(StrEnum):
    """What is wrong with a row that is rejected."""

    BAD_JSON = "bad JSON"
    MISSING_COLUMN = "missing column"
    WRONG_TYPE = "wrong type"
    NOT_A_NUMBER = "not a number"
    UNKNOWN_ROLE = "unknown role"
    UNKNOWN_MODE = "unknown mode"
    EMPTY_TEXT = "empty text"
    NO_TARGET = "nothing to learn"
    BROKEN_IMAGE = "broken image"
    EMPTY_IMAGE = "image without pixels"
    UNUSED_IMAGE = "image without a use"
    DUPLICATE = "duplicated id"
    TOO_LONG = "longer than a row"
    UNFIT = "unfit for its mode"
    UNREADABLE = "unreadable file"


class InputLostError(OSError):
    """What could be read before cannot be read now, for no fault of a row's: storage went away."""


class RowError(ValueError):
    """A row that cannot be used: the file, the row in it (from 0), the reason, and what exactly is wrong."""

    def __init__(self, file: str, row: int, reason: Fault, detail: str) -> None:
        super().__init__(file, row, reason, detail)
        self.file, self.row, self.reason, self.detail = file, row, reason, detail

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}: {self.reason}: {self.detail}"

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "row": self.row, "reason": str(self.reason), "detail": self.detail}


class RowPlace(NamedTuple):
    """A row (from 0) of a file."""

    file: str
    row: int

    def error(self, reason: Fault, detail: str) -> RowError:
        return RowError(self.file, self.row, reason, detail)


class Source(Protocol):
    """Rows by index, the same in every process; a source can be sent to loader processes.

    A row is a trace, from which modes make documents, or a document already.
    """

    @property
    def name(self) -> str: ...

    @property
    def group_sizes(self) -> tuple[int, ...]:
        """Rows of each group that is cheap to read together, in order; they sum to the number of rows."""
        ...

    @property
    def group_bytes(self) -> tuple[int, ...]:
        """What each group takes in memory, about; 0 where rows are read one by one."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """Changes when the rows, or what is made of them, do, and not with their place; None where the source
        cannot tell."""
        ...

    def __len__(self) -> int: ...

    def place(self, index: int) -> RowPlace:
        """Where a row comes from."""
        ...

    def read(self, index: int) -> Trace | Document:
        """One row in full. Raises RowError if it cannot be used, OSError if its storage went away."""
        ...

    def survey(self) -> Iterator[Trace | Document | RowError]:
        """Every row in order without its pixels (images are `SizeOnly`), or the error it would raise."""
        ...


@runtime_checkable
class Sketching(Protocol):
    """A source that stores nothing and sketches any row when asked, so that surveying it would be waste."""

    def sketch(self, index: int) -> Trace | Document:
        """One row without its pixels. Raises RowError as `read` does."""
        ...
