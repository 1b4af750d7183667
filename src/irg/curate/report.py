"""The report of a run: a self-contained page with the funnel, the rejects, the cost and some of the pairs."""

from pathlib import Path
from typing import Any

from irg.core.files import write_atomically
from irg.core.picture import Picture
from irg.curate.records import TraceRecord
from irg.curate.survey import RunSurvey, survey
from irg.endpoint import Spending
from irg.report.charts import funnel, histogram
from irg.report.page import Heading, Inlined, plural, render, thumbnail
from irg.stages.shards import Tally

FILE = "report.html"
_SIDE = 128
"""Pixels of a thumbnail's longer side."""
_MOST_SOURCES = 50


def write_report(out: Path, found: RunSurvey | None = None) -> Path:
    """Write `report.html` into a run's folder, of what was `found` in it. Raises ValueError when it holds no
    finished run."""
    path = out / FILE
    write_atomically(path, page(found or survey(out), out.resolve().name))
    return path


def page(found: RunSurvey, name: str) -> str:
    """A run as an HTML page, with the pictures inside it and nothing loaded from elsewhere."""
    facts = (
        plural(found.num_kept, "trace"),
        *(f"{count:,} in {part}" for part, count in found.parts.items()),
        f"{sum(found.reasons.values()):,} rejected",
    )
    content = {
        "funnel": funnel([(stage, tally.taken, tally.kept) for stage, tally in found.tallies.items()]),
        "reasons": [
            [*reason, count, found.examples.get(reason, "")] for reason, count in _ordered(found.reasons)
        ],
        "costs": _costs(found.tallies),
        "spent": [_charged(model) for model in found.spent],
        "sources": [
            [source or "not known", count] for source, count in _ordered(found.sources)[:_MOST_SOURCES]
        ],
        "histograms": [histogram(score, *pair) for score, pair in sorted(found.numbers.items())],
        "sheets": {"Kept": list(map(_card, found.kept)), "Rejected": list(map(_card, found.rejected))},
    }
    return render("curate/report.html", Heading("curation", name, facts), content)


def _ordered(counts: dict[Any, int]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _costs(tallies: dict[str, Tally]) -> list[list[Any]]:
    rows = [[name, *_work(tally)] for name, tally in tallies.items()]
    rows.append(["all", *_work(sum(tallies.values(), start=Tally()))])
    rows[-1][2] = ""  # records of several stages a second mean nothing
    return rows


def _work(tally: Tally) -> list[Any]:
    cost = tally.cost
    speed = f"{tally.taken / tally.seconds:,.1f}" if tally.seconds > 0 else ""
    used = (cost.requests, cost.tokens_in, cost.tokens_out)
    return [f"{tally.seconds:,.1f}", speed, *used, f"{cost.money:,.4f}"]


def _charged(model: Spending) -> list[Any]:
    """What an endpoint was charged, failed attempts and repairs included."""
    counts = (model.requests, model.tokens_in, model.tokens_out, model.images)
    events = ", ".join(f"{count:,} {event}" for event, count in model.events.items())
    return [model.model, *counts, f"{model.money:,.4f}", events]


def _card(record: TraceRecord) -> dict[str, Any]:
    reject = record.rejected
    return {
        "pictures": [
            (f"image {place}", _thumbnail(image))
            for place, image in enumerate((record.image1, record.image2), start=1)
            if image is not None
        ],
        "texts": {
            "prompt": record.prompt,
            "thought": record.thought,
            "reflection": record.reflection and record.reflection.text,
        },
        "reason": reject
        and f"{reject.stage}: {reject.reason}" + (f": {reject.detail}" if reject.detail else ""),
    }


def _thumbnail(picture: Picture) -> Inlined | None:
    """The picture made small; None if it is broken."""
    try:
        image = picture.open()
    except ValueError:
        return None
    return thumbnail(image, _SIDE)
