"""The findings about a data set as one page: rejected rows, lengths, sizes, and examples to look at."""

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from irg.core import Role
from irg.data.document import Document, ImagePart, Part, TextPart
from irg.data.formats import DataSource
from irg.data.inspect import Finding, Inspecting, Inspection, documents, examples
from irg.data.source import RowError
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

    file: str
    row: int
    tokens: int
    document: Document


def read_examples(
    source: DataSource, found: Inspection, settings: Inspecting, per_mode: int
) -> dict[str, list[Example]]:
    """Examples of each mode with their pictures. What cannot be decoded after all is no example."""
    read: dict[str, list[Example]] = {}
    for mode, rows in examples(found, per_mode).items():
        for index, tokens in rows:
            try:
                made = dict(reversed(list(documents(source.read(index), settings)))).get(mode)
            except RowError:
                continue  # without the decoding pass nobody has noticed yet
            if isinstance(made, Document):
                read.setdefault(mode, []).append(Example(*source.place(index), tokens, made))
    return read


def page(found: Inspection, shown: Mapping[str, Seq[Example]]) -> str:
    """The page, with the pictures inside it and nothing loaded from elsewhere."""
    facts = (
        plural(found.rows, "row"),
        f"{found.rows - len(found.rejected):,} usable",
        f"{len(found.rejected):,} rejected",
        plural(sum(found.sizes.values()), "picture") + ("" if found.decoded else " (not decoded)"),
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
    one = found.lengths[mode]
    link = Markup('<a href="#{0}">{0}</a>').format(mode)
    return [
        link,
        one.documents,
        one.least,
        one.median,
        one.p95,
        one.most,
        one.total,
        spark(found.tokens[mode]),
    ]


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


def _by_reason(findings: Seq[Finding]) -> list[tuple[str, int, list[list[Any]]]]:
    """Reasons with the number of their rows, the most frequent first, and some of the rows."""
    by_reason: dict[str, list[Finding]] = {}
    for one in findings:
        by_reason.setdefault(str(one.error.reason), []).append(one)
    return [
        (
            reason,
            len(those),
            [[one.error.file, one.error.row, one.error.detail] for one in those[:_MOST_ROWS]],
        )
        for reason, those in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def _card(example: Example) -> dict[str, Any]:
    origin = f"{example.file}, row {example.row:,}, {example.tokens:,} tokens"
    parts = example.document.parts
    return {
        "origin": origin,
        "parts": [_text(parts, part) if isinstance(part, TextPart) else _picture(part) for part in parts],
    }


def _text(parts: Seq[Part], part: TextPart) -> dict[str, Any]:
    name = "answer" if _is_answer(parts, part) else _NAMES[part.role]
    return {"name": name, "kind": _NAMES[part.role], "text": part.text, "learned": part.loss}


def _is_answer(parts: Seq[Part], part: TextPart) -> bool:
    before = parts[parts.index(part) - 1]
    is_asked = isinstance(before, TextPart) and before.role is Role.QUESTION
    return is_asked and part.role is Role.THOUGHT


def _picture(part: ImagePart) -> dict[str, Any]:
    width, height = part.image.size
    return {
        "name": f"image {part.turn}",
        "picture": thumbnail(part.image, _THUMBNAIL),
        "size": f"{width} \N{MULTIPLICATION SIGN} {height}",
        "seen": " and ".join(
            name for name, used in (("latents", part.clean), ("patches", part.view)) if used
        ),
        "learned": part.noisy,
    }
