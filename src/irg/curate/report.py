"""The report of a run: a self-contained page with the funnel, the rejects, the cost and some of the pairs."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path

from PIL import Image

from irg.core.files import write_atomically
from irg.core.page import document
from irg.core.picture import Picture
from irg.curate.charts import funnel, histogram
from irg.curate.records import TraceRecord
from irg.curate.survey import RunSurvey, survey
from irg.endpoint import Spending
from irg.stages.shards import Tally

FILE = "report.html"
_SIDE = 128
"""Pixels of a thumbnail's longer side."""


def write_report(out: Path) -> Path:
    """Write `report.html` into a run's folder. Raises ValueError when it holds no finished run."""
    path = out / FILE
    write_atomically(path, page(survey(out), out.resolve().name))
    return path


def page(found: RunSurvey, name: str) -> str:
    """A run as an HTML page, with the pictures inside it and nothing loaded from elsewhere."""
    stages = [(stage, tally.taken, tally.kept) for stage, tally in found.tallies.items()]
    histograms = "".join(histogram(score, *pair) for score, pair in sorted(found.numbers.items()))
    parts = ", ".join(f"{count:,} in {part}" for part, count in found.parts.items())
    kept = f"{found.num_kept:,} traces" + (f": {parts}" if parts else "")
    body = f"""<header><h1>{escape(name)}</h1><p>{kept}</p></header>
<main>
<section><h2>Funnel</h2>{funnel(stages)}</section>
<section><h2>Rejects</h2>{_reasons(found)}</section>
<section><h2>Work and cost</h2>{_costs(found.tallies)}{_spent(found.spent)}</section>
<section><h2>Sources</h2>{_sources(found)}</section>
<section><h2>Lengths and scores</h2>
<p class="legend"><span class="kept"></span>kept <span class="rejected"></span>rejected</p>
<div class="charts">{histograms or "<p>none were measured</p>"}</div></section>
<section><h2>Kept, not picked</h2>{_sheet(found.kept)}</section>
<section><h2>Rejected, not picked</h2>{_sheet(found.rejected)}</section>
</main>"""
    style = (resources.files("irg.curate") / "report.css").read_text()
    return document(f"Curation: {name}", style, body)


def _reasons(found: RunSurvey) -> str:
    if not found.reasons:
        return "<p>nothing was rejected</p>"
    ordered = sorted(found.reasons.items(), key=lambda item: (-item[1], item[0]))
    rows = [[stage, reason, f"{count:,}"] for (stage, reason), count in ordered]
    return _table(["stage", "reason", "records"], rows)


def _costs(tallies: dict[str, Tally]) -> str:
    rows = [[name, *_work(tally)] for name, tally in tallies.items()]
    rows.append(["all", *_work(sum(tallies.values(), start=Tally()))])
    rows[-1][2] = ""  # records of several stages a second mean nothing
    head = ["stage", "seconds of work", "records/s", "requests", "tokens in", "tokens out", "cost"]
    return _table(head, rows)


def _work(tally: Tally) -> list[str]:
    cost = tally.cost
    speed = f"{tally.taken / tally.seconds:,.1f}" if tally.seconds > 0 else ""
    used = [f"{value:,}" for value in (cost.requests, cost.tokens_in, cost.tokens_out)]
    return [f"{tally.seconds:,.1f}", speed, *used, f"{cost.money:,.4f}"]


def _spent(spending: Sequence[Spending]) -> str:
    """What endpoints were charged, failed attempts and repairs included."""
    if not spending:
        return ""
    rows = [
        [
            model.model,
            *(f"{count:,}" for count in (model.requests, model.tokens_in, model.tokens_out, model.images)),
            f"{model.money:,.4f}",
            ", ".join(f"{count:,} {event}" for event, count in model.events.items()),
        ]
        for model in spending
    ]
    head = ["charged to", "requests", "tokens in", "tokens out", "images", "cost", "of these"]
    return _table(head, rows)


def _sources(found: RunSurvey) -> str:
    ordered = sorted(found.sources.items(), key=lambda item: (-item[1], item[0]))
    rows = [[source or "not known", f"{count:,}"] for source, count in ordered[:50]]
    return _table(["kept traces' source", "traces"], rows) if rows else "<p>nothing was kept</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _sheet(records: Sequence[TraceRecord]) -> str:
    return f'<div class="sheet">{"".join(map(_card, records))}</div>' if records else "<p>none</p>"


def _card(record: TraceRecord) -> str:
    pictures = "".join(_thumbnail(picture, place) for place, picture in _pair(record))
    lines = [("prompt", record.prompt), ("thought", record.thought or "")]
    if record.reflection is not None:
        lines.append(("reflection", record.reflection.text))
    if record.rejected is not None:
        reject = record.rejected
        detail = f": {reject.detail}" if reject.detail else ""
        lines.append(("reason", f"{reject.stage}: {reject.reason}{detail}"))
    texts = "".join(f'<p class="{kind}" dir="auto">{escape(text)}</p>' for kind, text in lines if text)
    return f'<article><div class="pair">{pictures}</div>{texts}</article>'


def _pair(record: TraceRecord) -> list[tuple[int, Picture]]:
    images = (record.image1, record.image2)
    return [(place, image) for place, image in enumerate(images, start=1) if image is not None]


def _thumbnail(picture: Picture, place: int) -> str:
    try:
        image = picture.open()
    except ValueError:
        return f"<p>image {place} is broken</p>"
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{image.width}" height="{image.height}"'
    return f'<img {size} alt="image {place}" src="data:image/jpeg;base64,{data}">'
