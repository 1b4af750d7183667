"""What a data set holds: documents by mode, their lengths, sizes of pictures, and every row of no use."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np

from irg.core import Document, pieces
from irg.core.files import json_line
from irg.core.trace import Trace
from irg.data import learning
from irg.data.learning import Mode, UnfitError
from irg.data.mixture import Window
from irg.data.prepare import Preparer
from irg.data.shards import GROUP_BYTES
from irg.data.source import Fault, RowError, RowPlace, Source

Watch = Callable[[str, int], None]
"""Hears of every row that a stage, named first, has dealt with; the second is the row's index."""
DECODING, MEASURING = "decoding pictures", "measuring"
_MOST_THREADS = 8


@dataclass(frozen=True)
class Inspecting:
    """What rows are held against. `preparer` measures; `longest` tokens are what a document may have.

    `decode` reads all pictures in full, without which broken ones are not found. `system_prompt` None takes
    each trace's own.
    """

    preparer: Preparer
    longest: int | None = None
    decode: bool = True
    system_prompt: str | None = None


@dataclass(frozen=True)
class Finding:
    """A row that cannot be used at all, or not in one `mode`."""

    error: RowError
    mode: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**self.error.as_json(), "mode": self.mode}


@dataclass(frozen=True)
class LengthSummary:
    """Tokens of the documents of a mode."""

    documents: int
    least: int
    median: int
    p95: int
    most: int
    total: int

    @classmethod
    def of(cls, tokens: Sequence[int]) -> "LengthSummary":
        least, median, p95, most = np.percentile(tokens, (0, 50, 95, 100), method="nearest").astype(int)
        return cls(len(tokens), int(least), int(median), int(p95), int(most), int(sum(tokens)))


@dataclass(eq=False)
class Inspection:
    """The findings about a data set."""

    name: str
    rows: int
    decoded: bool
    """Whether the pictures were decoded too."""
    documents: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """By mode, the row of each document and its tokens."""
    largest_group: int = 0
    """Bytes of the largest group of rows that are read together."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Pictures of the usable rows by width and height."""
    rejected: list[Finding] = field(default_factory=list)
    """Rows that cannot be used."""
    left_out: list[Finding] = field(default_factory=list)
    """Usable rows that cannot be used in one of their modes."""

    @property
    def tokens(self) -> dict[str, list[int]]:
        """Of each document, by mode, the learning modes in their order first."""
        order = [*Mode, *sorted(self.documents)]
        names = sorted(self.documents, key=order.index)
        return {name: [tokens for _, tokens in self.documents[name]] for name in names}

    @property
    def note(self) -> str | None:
        """What is unfortunate about how the rows are stored, if anything is."""
        if self.largest_group <= Window.num_bytes // 2:
            return None
        return (
            f"row groups of up to {self.largest_group >> 20:,} MiB: training keeps two of them in memory for "
            "each mode and worker, and shuffles within one; irg data convert writes groups of "
            f"{GROUP_BYTES >> 20} MiB"
        )

    @property
    def lengths(self) -> dict[str, LengthSummary]:
        return {name: LengthSummary.of(tokens) for name, tokens in self.tokens.items()}

    @property
    def reasons(self) -> dict[Fault, int]:
        """How many rows were rejected for each reason, the most frequent first."""
        return {reason: len(those) for reason, those in by_reason(self.rejected).items()}

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.name,
            "rows": self.rows,
            "usable": self.rows - len(self.rejected),
            "decoded": self.decoded,
            "largest_group_bytes": self.largest_group,
            "modes": {name: vars(lengths) for name, lengths in self.lengths.items()},
            "pictures": {f"{width}x{height}": count for (width, height), count in self.sizes.most_common()},
            "reasons": {str(reason): count for reason, count in self.reasons.items()},
            "rejected": [one.as_json() for one in self.rejected],
            "left_out": [one.as_json() for one in self.left_out],
        }


def by_reason(findings: Iterable[Finding]) -> dict[Fault, list[Finding]]:
    """The most frequent reason first."""
    found: dict[Fault, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.error.reason, []).append(one)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def lines_of(findings: Iterable[Finding]) -> str:
    """The findings for a file, a JSON object a line."""
    return "".join(json_line(one.as_json()) for one in findings)


def inspect(source: Source, settings: Inspecting, watch: Watch = lambda stage, index: None) -> Inspection:
    """Survey a data set, and decode its pictures if that is wished for."""
    largest = max(source.group_bytes, default=0)
    found = Inspection(source.name, len(source), settings.decode, largest_group=largest)
    broken = broken_rows(source, lambda index: watch(DECODING, index)) if settings.decode else {}
    settings = replace(settings, preparer=settings.preparer.remembering())
    for index, row in enumerate(source.survey()):
        seen = row if isinstance(row, RowError) else broken.get(index, row)
        if isinstance(seen, RowError):
            found.rejected.append(Finding(seen))
        else:
            _add(found, index, source.place(index), seen, settings)
        watch(MEASURING, index)
    return found


def broken_rows(source: Source, done: Callable[[int], None]) -> dict[int, RowError]:
    """Read every row in full; the errors, by index. Groups are read side by side: decoding frees the lock."""
    if not len(source):
        return {}
    with suppress(RowError):
        source.read(0)  # what the source finds out about all rows beforehand, its copies then know

    def broken_of(rows: range) -> list[tuple[int, RowError]]:
        own = copy(source)
        errors = []
        for index in rows:
            try:
                own.read(index)
            except RowError as error:
                errors.append((index, error))
            done(index)
        return errors

    ends = list(accumulate(source.group_sizes))
    groups = [range(end - size, end) for end, size in zip(ends, source.group_sizes, strict=True)]
    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))
    try:
        return dict(found for errors in pool.map(broken_of, groups) for found in errors)
    finally:
        pool.shutdown(cancel_futures=True)


def documents(
    row: Trace | Document, system_prompt: str | None
) -> Iterator[tuple[str, Document | UnfitError]]:
    """The documents of a row by mode, or why one that it is meant for is none."""
    if isinstance(row, Document):
        yield row.mode, row
        return
    for mode, _, made in learning.documents(row, system_prompt=system_prompt):
        if isinstance(made, Document) or mode in row.modes:
            yield str(mode), made


def _add(found: Inspection, index: int, place: RowPlace, row: Trace | Document, settings: Inspecting) -> None:
    lengths: list[tuple[str, int]] = []
    out: list[Finding] = []
    for mode, made in documents(row, settings.system_prompt):
        if isinstance(made, UnfitError):
            out.append(Finding(place.error(Fault.UNFIT, str(made)), mode))
            continue
        tokens = settings.preparer.measure(made)
        if settings.longest is not None and tokens > settings.longest:
            detail = f"{tokens:,} tokens in mode {mode}, more than {settings.longest:,}"
            out.append(Finding(place.error(Fault.TOO_LONG, detail), mode))
        else:
            lengths.append((mode, tokens))
    if not lengths:
        error = out[0].error if out else place.error(Fault.UNFIT, "it has the parts for no mode")
        found.rejected.append(Finding(error))
        return
    found.left_out += out
    found.sizes.update(_sizes(row))
    for mode, tokens in lengths:
        found.documents.setdefault(mode, []).append((index, tokens))


def _sizes(row: Trace | Document) -> Iterator[tuple[int, int]]:
    if isinstance(row, Document):
        yield from (one.picture.size for one, *_ in pieces(row) if one.kind.is_image)
        return
    yield from (turn.image.size for turn in row.turns)
    if row.source is not None:
        yield row.source.size
