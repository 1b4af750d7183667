"""The findings about a data set as one page: rejected rows, lengths, sizes, and examples to look at."""

import base64
import io
import re
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from html import escape
from importlib import resources

import numpy as np
from PIL import Image

from irg.core import Document, Kind, Role, Segment, pieces
from irg.core.page import document
from irg.data.formats import DataSource
from irg.data.inspect import Finding, Inspecting, Inspection, documents, examples
from irg.data.source import RowError

_THUMBNAIL = 288
"""Pixels of the longer side of a picture on the sheet."""
_MOST_ROWS = 20
"""Rejected rows shown for each reason."""
_MOST_SIZES = 12
_BINS = 32
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
    facts = [
        _plural(found.rows, "row"),
        f"{found.rows - len(found.rejected):,} usable",
        f"{len(found.rejected):,} rejected",
        _plural(sum(found.sizes.values()), "picture") + ("" if found.decoded else " (not decoded)"),
    ]
    sheets = "".join(_sheet(mode, found, list(shown.get(mode, ()))) for mode in found.lengths)
    body = f"""<header>
<p class="label">data set</p>
<h1>{escape(found.name)}</h1>
<ul class="facts">{"".join(f"<li>{escape(fact)}</li>" for fact in facts)}</ul>
</header>
<main>
{_rejected("Rejected rows", found.rejected)}{_rejected("Left out of a mode", found.left_out)}
{_lengths(found)}
{_sizes(found)}
{sheets}</main>
<footer>{_LEGEND}</footer>"""
    style = (resources.files("irg.data") / "inspect.css").read_text()
    return document(found.name, style, body)


_LEGEND = (
    "Parts stand in the order in which a model reads them. Those marked <b>learned</b> carry loss: a text is "
    "predicted, a picture is denoised. Pictures are <b>seen</b> as latents (CLEAN), as patches (VIEW), or "
    "both."
)


def _lengths(found: Inspection) -> str:
    rows = [
        [
            f'<a href="#{escape(name)}">{escape(name)}</a>',
            *(f"{count:,}" for count in (one.documents, one.least, one.median, one.p95, one.most, one.total)),
            _histogram(found.tokens[name]),
        ]
        for name, one in found.lengths.items()
    ]
    head = ["mode", "documents", "min", "median", "p95", "max", "all tokens", "from min to max"]
    return f"<h2>Tokens of a document</h2>\n{_table(head, rows)}" if rows else ""


def _histogram(tokens: Seq[int]) -> str:
    """Bars for the counts of lengths, in as many bins of one width."""
    counts, _ = np.histogram(tokens, bins=_BINS)
    most = max(counts.max(), 1)
    bars = "".join(
        f'<rect x="{place * 4}" y="{24 - height:.1f}" width="3" height="{height:.1f}"/>'
        for place, height in enumerate(24 * counts / most)
        if height
    )
    return f'<svg class="bars" viewBox="0 0 {_BINS * 4} 24" role="img" aria-label="histogram">{bars}</svg>'


def _sizes(found: Inspection) -> str:
    total = sum(found.sizes.values())
    if not total:
        return ""
    rows = [
        [
            f"{width} \N{MULTIPLICATION SIGN} {height}",
            f"{count:,}",
            f"{count / total:.1%}",
            _bar(count / total),
        ]
        for (width, height), count in found.sizes.most_common(_MOST_SIZES)
    ]
    rest = found.sizes.most_common()[_MOST_SIZES:]
    if rest:
        count = sum(number for _, number in rest)
        name = _plural(len(rest), "other size")
        rows.append([name, f"{count:,}", f"{count / total:.1%}", _bar(count / total)])
    return f"<h2>Sizes of pictures</h2>\n{_table(['pixels', 'pictures', 'share', ''], rows)}"


def _bar(share: float) -> str:
    return f'<span class="bar" style="width: {max(share * 12, 0.1):.2f}em"></span>'


def _rejected(title: str, findings: Seq[Finding]) -> str:
    if not findings:
        return ""
    by_reason: dict[str, list[Finding]] = {}
    for one in findings:
        by_reason.setdefault(str(one.error.reason), []).append(one)
    parts = "".join(
        _reason(reason, those) for reason, those in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    )
    return f"<h2>{title}</h2>\n{parts}"


def _reason(reason: str, findings: Seq[Finding]) -> str:
    rows = [
        [escape(one.error.file), f"{one.error.row:,}", escape(one.error.detail)]
        for one in findings[:_MOST_ROWS]
    ]
    more = len(findings) - len(rows)
    note = f'<p class="note">and {more:,} more: rejected.jsonl has all</p>' if more > 0 else ""
    table = _table(["file", "row", "what is wrong"], rows)
    return f"""<details class="reason"><summary><b>{len(findings):,}</b> {escape(reason)}</summary>
{table}{note}</details>
"""


def _sheet(mode: str, found: Inspection, shown: Seq[Example]) -> str:
    count = _plural(found.lengths[mode].documents, "document")
    cards = "".join(map(_card, shown))
    return f"""<section class="sheet" id="{escape(mode)}">
<h2>{escape(mode)} <span class="aside">{count}</span></h2>
<div class="cards">
{cards}</div>
</section>
"""


def _card(example: Example) -> str:
    parts = "".join(_parts(example.document))
    return f"""<article>
{parts}<p class="origin">{escape(example.file)}, row {example.row:,}, {example.tokens:,} tokens</p>
</article>
"""


def _parts(shown: Document) -> Iterator[str]:
    before: Segment | None = None
    for piece in pieces(shown):
        first = piece[0]
        if first.kind is Kind.TEXT:
            is_answer = first.role is Role.THOUGHT and before is not None and before.role is Role.QUESTION
            name = "answer" if is_answer else _NAMES[first.role]
            learned = _LEARNED if first.loss else ""
            yield (
                f'<p class="label {_NAMES[first.role]}">{name}{learned}</p>\n'
                f'<div class="words" dir="auto">{escape(first.text)}</div>\n'
            )
        else:
            yield _figure(piece)
        before = first


_LEARNED = ' <span class="learned">learned</span>'


def _figure(piece: tuple[Segment, ...]) -> str:
    image, turn, kinds = piece[0].picture, piece[0].turn, {one.kind for one in piece}
    forms = ((Kind.CLEAN, "latents"), (Kind.VIEW, "patches"))
    seen = " and ".join(name for kind, name in forms if kind in kinds)
    width, height = image.size
    use = (_LEARNED if Kind.NOISY in kinds else "") + (f" seen as {seen}" if seen else "")
    return f"""<p class="label image">image {turn}{use}</p>
<img width="{width}" height="{height}" loading="lazy" alt="image {turn}" src="{_thumbnail(image)}">
<p class="size">{width} \N{MULTIPLICATION SIGN} {height}</p>
"""


def _thumbnail(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _table(head: Seq[str], rows: Seq[Seq[str]]) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>\n" for row in rows)
    return f'<div class="scroll"><table><tr>{top}</tr>\n{body}</table></div>\n'


def _cell(content: str) -> str:
    kind = ' class="number"' if re.fullmatch(r"[\d,.]+%?", content) else ""
    return f"<td{kind}>{content}</td>"


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
