"""Streams: what the mixture draws from. One source of rows, read in one learning mode."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from irg.core import Document
from irg.core.trace import Trace
from irg.data import learning
from irg.data.learning import Mode, ModeQuestions, UnfitError
from irg.data.source import Fault, RowError, Sketching, Source


class Elsewhere(Exception):
    """A row is meant for other modes than the stream's. Nothing is wrong with it: it is not in the stream."""


@dataclass(frozen=True)
class Rejected:
    """A row that a stream cannot use, and why."""

    stream: str
    error: RowError

    def record(self) -> dict[str, Any]:
        """One line of `rejected.jsonl`."""
        return {"stream": self.stream, **self.error.as_json()}


def counted(rejected: Iterable[Rejected]) -> Counter[tuple[str, Fault]]:
    """How many rows each stream rejected for each reason."""
    return Counter((one.stream, one.error.reason) for one in rejected)


@dataclass(frozen=True, eq=False)
class Stream:
    """A source in one mode, and its share of the mixture. It can be sent to loader processes."""

    source: Source
    mode: Mode | None = None
    """The mode that makes documents of traces. Rows that are documents already keep their own mode; a mode
    then chooses the documents of that mode, and None takes all."""
    weight: float = 1.0
    required: bool = False
    """Whether every step has at least one of its documents, as long as there are any."""
    name: str = ""
    """Names it in the mixture's state and in reports; left empty, the source's name and the mode."""
    system_prompt: str | None = None
    """None: each trace's own."""
    questions: ModeQuestions = field(default_factory=ModeQuestions)
    fitting: bool = False
    """Traces that lack a part for the mode are none of the stream's, rather than errors."""

    def __post_init__(self) -> None:
        if not self.name:
            name = f"{self.source.name}:{self.mode}" if self.mode else self.source.name
            object.__setattr__(self, "name", name)
        if not self.weight > 0:
            raise ValueError(f"stream {self.name} has weight {self.weight}, expected more than 0")

    @property
    def virtual(self) -> bool:
        """Whether its rows are measured one by one when they are drawn, rather than all beforehand."""
        return isinstance(self.source, Sketching)

    def document(self, index: int, choice: int = 0) -> Document:
        """The document of a row, pixels included. `choice` picks among the trace's own questions.

        Raises RowError if the row cannot be used, and Elsewhere if it is not meant for the stream.
        """
        return self.document_of(self.source.read(index), index, choice)

    def sketch(self, index: int, choice: int = 0) -> Document:
        """The same without pixels, from a virtual source."""
        assert isinstance(self.source, Sketching)
        return self.document_of(self.source.sketch(index), index, choice)

    def document_of(self, row: Trace | Document, index: int, choice: int = 0) -> Document:
        """The document of a row that was read or surveyed already; `index` tells errors where it stands."""
        if isinstance(row, Document):
            if self.mode is not None and row.mode != self.mode:
                raise Elsewhere
            document = row
        else:
            document = self._taught(row, index, choice)
        if not document.supervised:
            raise self.error(index, Fault.NO_TARGET, "no part of it carries loss")
        for segment in document:
            if segment.kind.is_image and min(segment.picture.size) < 1:
                width, height = segment.picture.size
                raise self.error(
                    index, Fault.EMPTY_IMAGE, f"an image of turn {segment.turn} is {width}x{height}"
                )
        return document

    def num_choices(self, row: Trace | Document) -> int:
        """How many documents the row can be, one for each of its own questions."""
        return learning.num_choices(row, self.mode) if isinstance(row, Trace) else 1

    def error(self, index: int, reason: Fault, detail: str) -> RowError:
        return self.source.place(index).error(reason, detail)

    def _taught(self, trace: Trace, index: int, choice: int) -> Document:
        if self.mode is None:
            raise ValueError(f"stream {self.name} holds traces: it needs one of the modes {', '.join(Mode)}")
        if trace.modes and self.mode not in trace.modes:
            raise Elsewhere
        prompt = trace.system_prompt if self.system_prompt is None else self.system_prompt
        try:
            return learning.document(trace, self.mode, prompt, self.questions, choice)
        except UnfitError as unfit:
            if self.fitting:
                raise Elsewhere from unfit
            raise self.error(index, Fault.UNFIT, str(unfit)) from unfit
