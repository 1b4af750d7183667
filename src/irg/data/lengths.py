"""Lengths: how many tokens each row of a stream has, found without reading a pixel.

The planner needs nothing else of the data. A source that several streams share is surveyed once for all of
them, and what was found can be kept in a folder, where the next run finds it if nothing has changed.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from irg.core import Document
from irg.core.trace import Trace
from irg.data.findings import Findings, recall, remember
from irg.data.learning import COMPOSITION
from irg.data.prepare import Preparer
from irg.data.source import Fault, RowError
from irg.data.streams import Elsewhere, Rejected, Stream


@dataclass(frozen=True, eq=False)
class Measuring:
    """What the length of a document depends on, and how long one may be."""

    preparer: Preparer
    copies: int = 1
    """Noised copies of each supervised image (`Noising.copies`)."""
    longest: int | None = None
    """Tokens of the longest document that is used; longer ones are rejected."""

    def check(self, stream: Stream, index: int, tokens: int) -> None:
        if self.longest is not None and tokens > self.longest:
            detail = f"{tokens} tokens in stream {stream.name}, more than {self.longest}"
            raise stream.error(index, Fault.TOO_LONG, detail)

    def lengths(self, stream: Stream, row: Trace | Document, index: int) -> list[int]:
        """Tokens of the row, one length for each of its questions. Raises RowError and Elsewhere."""
        documents = [stream.document_of(row, index, choice) for choice in range(stream.num_choices(row))]
        return [self.preparer.measure(document, self.copies) for document in documents]

    def key(self, stream: Stream) -> dict[str, Any] | None:
        """Everything that the lengths of a stream depend on; None where its source cannot tell."""
        if stream.source.fingerprint is None:
            return None
        preparer = self.preparer
        return {
            "source": stream.source.name,
            "fingerprint": stream.source.fingerprint,
            "rows": len(stream.source),
            "mode": [stream.mode, COMPOSITION[stream.mode] if stream.mode else None],
            "system_prompt": stream.system_prompt,
            "questions": asdict(stream.questions),
            **({"fitting": True} if stream.fitting else {}),
            "tokenizer": self._tokenizer,
            "clean": [asdict(preparer.clean), preparer.config.pixels_per_latent],
            "view": [asdict(preparer.view), preparer.config.vision.patch],
            "copies": self.copies,
        }

    @cached_property
    def _tokenizer(self) -> str:
        content = self.preparer.tokenizer.fast.to_str()
        return hashlib.blake2b(content.encode(), digest_size=12).hexdigest()


class RowLengths:
    """Tokens of every row of a stream that was surveyed."""

    def __init__(self, tokens: Sequence[int], counts: Sequence[int]) -> None:
        """`tokens` are all lengths in order; `counts` says how many are each row's, 0 if it is unusable."""
        self._tokens, self._counts = list(tokens), np.asarray(counts, dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._counts)]).tolist()

    @property
    def usable(self) -> np.ndarray:
        """Rows that can be used, in order."""
        return np.flatnonzero(self._counts)

    def length(self, index: int, choice: int) -> int:
        """Tokens of a usable row when `choice` picks its question."""
        start, end = self._starts[index], self._starts[index + 1]
        return self._tokens[start + choice % (end - start)]

    def most(self) -> np.ndarray:
        """The greatest length of every row, 0 where it is unusable."""
        most = np.zeros(len(self._counts), dtype=np.int64)
        np.maximum.at(most, np.repeat(np.arange(len(most)), self._counts), self._tokens)
        return most

    def without(self, indices: Sequence[int]) -> "RowLengths":
        """The same, but some rows are unusable."""
        counts = self._counts.copy()
        counts[list(indices)] = 0
        kept = np.repeat(counts > 0, self._counts)
        return RowLengths(np.asarray(self._tokens, dtype=np.int64)[kept].tolist(), counts.tolist())

    def digest(self) -> str:
        content = np.asarray(self._tokens, dtype="<i8").tobytes() + self._counts.astype("<i8").tobytes()
        return hashlib.blake2b(content, digest_size=8).hexdigest()


class Sketches:
    """Tokens of the rows of a virtual stream, found when they are asked for."""

    def __init__(self, stream: Stream, measuring: Measuring) -> None:
        self._stream, self._measuring = stream, measuring

    @property
    def usable(self) -> np.ndarray:
        """All rows: which of them cannot be used shows when they are measured."""
        return np.arange(len(self._stream.source))

    def length(self, index: int, choice: int) -> int:
        """Raises RowError if the row cannot be used, Elsewhere if it is not meant for the stream."""
        tokens = self._measuring.preparer.measure(self._stream.sketch(index, choice), self._measuring.copies)
        self._measuring.check(self._stream, index, tokens)
        return tokens

    def digest(self) -> str:
        return f"virtual {self._stream.source.name} {len(self._stream.source)}"


@dataclass(frozen=True, eq=False)
class Measured:
    """A stream whose lengths are known."""

    stream: Stream
    lengths: RowLengths | Sketches
    copies: int


@dataclass(frozen=True, eq=False)
class LengthSurvey:
    """What the planner starts from, and what was found not to be usable."""

    streams: tuple[Measured, ...]
    rejected: tuple[Rejected, ...]


def survey(
    streams: Sequence[Stream], measuring: Measuring, folder: Path | None = None, strict: bool = False
) -> LengthSurvey:
    """Measure all rows of all streams, or take from `folder` what was found before, and leave it there.

    Raises ValueError for a stream without a usable row; with `strict`, RowError for the first row that
    cannot be used. Rows of virtual streams are measured, and found unusable, only when they are drawn.
    """
    names = Counter(stream.name for stream in streams)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"several streams are named {', '.join(twice)}: names must differ")
    if not streams:
        raise ValueError("the mixture has no streams")
    found = _findings([stream for stream in streams if not stream.virtual], measuring, folder, strict)
    measured, rejected = [], []
    for stream in streams:
        if stream.virtual:
            measured.append(Measured(stream, Sketches(stream, measuring), measuring.copies))
            continue
        findings = found[stream.name]
        lengths, errors = _limited(stream, findings, measuring)
        if strict and errors:
            raise errors[0]
        rejected += [Rejected(stream.name, error) for error in errors]
        if not len(lengths.usable):
            raise ValueError(_nothing_usable(stream, errors, findings.elsewhere))
        measured.append(Measured(stream, lengths, measuring.copies))
    return LengthSurvey(tuple(measured), tuple(rejected))


def _findings(
    streams: Sequence[Stream], measuring: Measuring, folder: Path | None, strict: bool
) -> dict[str, Findings]:
    """By stream: what was kept, or what a survey finds, which is made once for all that share a source."""
    found: dict[str, Findings] = {}
    by_source: dict[int, list[Stream]] = {}
    for stream in streams:
        if (kept := recall(folder, measuring.key(stream) if folder else None)) is not None:
            found[stream.name] = kept
        else:
            by_source.setdefault(id(stream.source), []).append(stream)
    for sharing in by_source.values():
        for stream, findings in zip(sharing, _surveyed(sharing, measuring, strict), strict=True):
            found[stream.name] = findings
            remember(folder, measuring.key(stream) if folder else None, findings)
    return found


def _surveyed(streams: Sequence[Stream], measuring: Measuring, strict: bool) -> list[Findings]:
    """One pass over a source, for all the streams that share it."""
    quick = replace(measuring, preparer=measuring.preparer.remembering())
    findings = [Findings() for _ in streams]
    for index, row in enumerate(streams[0].source.survey()):
        for stream, found in zip(streams, findings, strict=True):
            try:
                if isinstance(row, RowError):
                    raise row
                lengths = quick.lengths(stream, row, index)
                if strict:
                    quick.check(stream, index, max(lengths))
                found.add(lengths)
            except Elsewhere:
                found.add([])
                found.elsewhere += 1
            except RowError as error:
                if strict:
                    raise
                found.add([])
                found.errors[index] = error
    total = len(streams[0].source)
    if any(len(found.counts) != total for found in findings):
        name, rows = streams[0].source.name, len(findings[0].counts)
        raise ValueError(f"{name} has {total} rows, but its survey gave {rows}")
    return findings


def _limited(stream: Stream, findings: Findings, measuring: Measuring) -> tuple[RowLengths, list[RowError]]:
    """Lengths without the rows that are too long, and all errors in the order of the rows."""
    lengths, errors = RowLengths(findings.tokens, findings.counts), dict(findings.errors)
    if measuring.longest is not None:
        most = lengths.most()
        for index in np.flatnonzero(most > measuring.longest).tolist():
            try:
                measuring.check(stream, index, int(most[index]))
            except RowError as error:
                errors[index] = error
        lengths = lengths.without([index for index in errors if most[index]])
    return lengths, [errors[index] for index in sorted(errors)]


def _nothing_usable(stream: Stream, errors: Sequence[RowError], elsewhere: int) -> str:
    reasons = Counter(str(error.reason) for error in errors)
    if elsewhere:
        reasons["meant for other modes"] = elsewhere
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "it is empty"
    named, rows = stream.source.name, len(stream.source)
    return f"stream {stream.name} of {named} has no usable row among {rows}: {told}"
