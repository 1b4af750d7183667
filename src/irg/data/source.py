"""Sources: where training samples come from, and how a row that cannot be used is named."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

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


class RowError(ValueError):
    """A row that cannot be used: the file, the row in it (from 0), the reason, and what exactly is wrong."""

    def __init__(self, file: str, row: int, reason: Fault, detail: str) -> None:
        super().__init__(f"{file}, row {row}: {reason}: {detail}")
        self.file, self.row, self.reason, self.detail = file, row, reason, detail

    def __reduce__(self) -> tuple:
        return type(self), (self.file, self.row, self.reason, self.detail)


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

    def __len__(self) -> int: ...

    def read(self, index: int) -> Trace | Document:
        """One row in full. Raises RowError if it cannot be used."""
        ...

    def survey(self) -> Iterator[Trace | Document | RowError]:
        """Every row in order without its pixels (images are `SizeOnly`), or the error it would raise."""
        ...
