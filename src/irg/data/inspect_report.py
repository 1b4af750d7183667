"""The findings about a data set as one page: rejected rows, lengths, sizes, and examples to look at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from irg.core import Document, Kind, Role, Segment, pieces
from irg.data.inspect import Finding, Inspection, by_reason, documents
from irg.data.source import RowError, RowPlace, Source
from irg.report.charts import bar, spark
from irg.report.page import Heading, plural, render, thumbnail

_THUMBNAIL = 288
"""Pixels of the longer side of a picture on the sheet."""
_MOST_ROWS = 20
"""Rejected rows shown for each reason."""
_MOST_SIZES = 12
_NAMES = {Role.THOUGHT: "thought", Role.PROMPT: "prompt", Role.SYSTEM: "system", Role.QUESTION: "question"}


@dataclass(frozen=True, eq=False)
class Example:
    """A document to look at, the row it came from, and its tokens."""

    place: RowPlace
    tokens: int
    document: Document


def read_examples(
    source: Source, found: Inspection, system_prompt: str | None, per_mode: int
) -> dict[str, list[Example]]:
    """Up to so many documents of each mode, spread evenly, with their pictures. What cannot be decoded after
    all is no example."""
    read: dict[str, list[Example]] = {}
    for mode, measured in found.documents.items():
        rows = sorted(dict(reversed(measured)).items())  # of a row with several documents, the first
        for choice in np.linspace(0, len(rows) - 1, min(per_mode, len(rows))).round().astype(int):
            index, tokens = rows[choice]
            try:
                made = dict(reversed(list(documents(source.read(index), system_prompt)))).get(mode)
            except RowError:
                continue  # without the decoding pass nobody has noticed yet
            if isinstance(made, Document):
                read.setdefault(mode, []).append(Example(source.place(index), tokens, made))
    return read


def page(found: Inspection, shown: Mapping[str, Sequence[Example]]) -> str:
    """The page, with the pictures inside it and nothing loaded from elsewhere."""
    facts = (
        plural(found.rows, "row"),
        f"{found.rows - len(found.rejected):,} usable",
        f"{len(found.rejected):,} rejected",
        plural(sum(found.sizes.values()), "picture") + ("" if found.decoded else " (not decoded)"),
        *([found.note] if found.note else []),
    )
    content = {
        "findings": {
            "Rejected rows": _by_reason(found.rejected),
            "Left out of a mode": _by_reason(found.left_out),
        },
        "lengths": [_lengths(mode, found) for mode in found.lengths],
        "sizes": _sizes(found),
        "sheets": [
            (mode, plural(one.documents, "document"), list(map(_card, shown.get(mode, ()))))
            for mode, one in found.lengths.items()
        ],
    }
    return render("data/inspect_report.html", Heading("data set", found.name, facts), content)


def _lengths(mode: str, found: Inspection) -> list[Any]:
    link = Markup('<a href="#{0}">{0}</a>').format(mode)
    return [link, *astuple(found.lengths[mode]), spark(found.tokens[mode])]


def _sizes(found: Inspection) -> list[list[Any]]:
    """Pixels, pictures and their share, the sizes beyond the first few in one row."""
    ordered = found.sizes.most_common()
    counts = [
        (f"{width}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}{height}", count)
        for (width, height), count in ordered[:_MOST_SIZES]
    ]
    if rest := ordered[_MOST_SIZES:]:
        counts.append((plural(len(rest), "other size"), sum(count for _, count in rest)))
    total = sum(found.sizes.values())
    return [[name, count, f"{count / total:.1%}", bar(count / total)] for name, count in counts]


def _by_reason(findings: Iterable[Finding]) -> list[tuple[str, int, list[list[Any]]]]:
    """Reasons with the number of their rows, and some of the rows."""
    return [
        (
            reason,
            len(those),
            [[one.error.file, one.error.row, one.error.detail] for one in those[:_MOST_ROWS]],
        )
        for reason, those in by_reason(findings).items()
    ]


def _card(example: Example) -> dict[str, Any]:
    origin = f"{example.place.file}, row {example.place.row:,}, {example.tokens:,} tokens"
    parts, asked = [], False
    for piece in pieces(example.document):
        parts.append(_picture(piece) if piece[0].kind.is_image else _text(piece[0], asked))
        asked = piece[0].role is Role.QUESTION
    return {"origin": origin, "parts": parts}


def _text(shown: Segment, asked: bool) -> dict[str, Any]:
    kind = _NAMES[shown.role]
    name = "answer" if asked and shown.role is Role.THOUGHT else kind
    return {"name": name, "kind": kind, "text": shown.text, "learned": shown.loss}


def _picture(piece: tuple[Segment, ...]) -> dict[str, Any]:
    picture, kinds = piece[0].picture, {one.kind for one in piece}
    seen = {Kind.CLEAN: "latents", Kind.VIEW: "patches"}
    return {
        "name": f"image {piece[0].turn}",
        "picture": thumbnail(picture, _THUMBNAIL),
        "size": f"{picture.width} \N{MULTIPLICATION SIGN} {picture.height}",
        "seen": " and ".join(name for kind, name in seen.items() if kind in kinds),
        "learned": Kind.NOISY in kinds,
    }
