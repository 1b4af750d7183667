"""Charts of a page as inline SVG: bars of a row in a table, a funnel, and histograms of two kinds stacked."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

KEPT, REJECTED = "kept", "rejected"
_COLOURS = {KEPT: "#2e9d4f", REJECTED: "#d9a441"}
"""As attributes, and not left to the style sheet alone: a chart has colours wherever it is copied to."""
_WIDTH, _HEIGHT = 260, 120
_BINS, _SPARK_BINS = 20, 32
_FUNNEL_WIDTH, _FUNNEL_ROW = 400, 42


def bar(share: float) -> Markup:
    """A share of the whole as the length of a bar."""
    rect = _rect(0, 7, max(share * 128, 1), 10)
    return _chart("bars", "0 0 128 24", f"{share:.1%}", [rect])


def spark(values: Sequence[float]) -> Markup:
    """How often values occur from the least to the greatest, small enough for a cell of a table."""
    low, high = min(values), max(values)
    counts = _binned(values, low, (high - low) / _SPARK_BINS or 1.0, _SPARK_BINS)
    rects = [
        _rect(place * 4, 24 - height, 3, height)
        for place, height in enumerate(24 * count / max(counts) for count in counts)
        if height
    ]
    return _chart("bars", "0 0 128 24", "histogram", rects)


def funnel(rows: Sequence[tuple[str, int, int]]) -> Markup:
    """A bar per stage: how many records it kept, on how many it took."""
    most = max((taken for _, taken, _ in rows), default=0) or 1
    parts = []
    for row, (name, taken, kept) in enumerate(rows):
        top = _FUNNEL_ROW * row
        parts += [
            _text(0, top + 12, 12, name),
            _text(_FUNNEL_WIDTH, top + 12, 12, f"{kept:,} of {taken:,}", "end"),
            _rect(0, top + 17, _FUNNEL_WIDTH * taken / most, 20, REJECTED),
            _rect(0, top + 17, _FUNNEL_WIDTH * kept / most, 20, KEPT),
        ]
    return _chart("funnel", f"0 0 {_FUNNEL_WIDTH} {_FUNNEL_ROW * len(rows)}", "funnel by stage", parts)


def histogram(name: str, kept: Sequence[float], rejected: Sequence[float]) -> Markup:
    """How often each value occurs, rejected records stacked upon kept ones."""
    values = [*kept, *rejected]
    low, high = min(values), max(values)
    width = _bin_width(low, high)
    num_bins = int((high - low) / width + 1e-9) + 1
    counts = [_binned(part, low, width, num_bins) for part in (kept, rejected)]
    most = max(sum(pair) for pair in zip(*counts, strict=True))
    step, scale, base = _WIDTH / num_bins, (_HEIGHT - 20) / most, _HEIGHT - 16
    parts = []
    for index, (below, above) in enumerate(zip(*counts, strict=True)):
        said = f"{low + index * width:.4g}: {below:,} kept, {above:,} rejected"
        stacked = ((below, below, KEPT), (above, below + above, REJECTED))
        rects = [
            _rect(index * step, base - top * scale, max(step - 1, 0.5), count * scale, kind)
            for count, top, kind in stacked
            if count
        ]
        parts.append(Markup("<g><title>{}</title>{}</g>").format(said, Markup().join(rects)))
    parts += [
        _text(0, _HEIGHT - 3, 10, f"{low:.4g}"),
        _text(_WIDTH, _HEIGHT - 3, 10, f"{high:.4g}", "end"),
    ]
    chart = _chart("histogram", f"0 0 {_WIDTH} {_HEIGHT}", f"histogram of {name}", parts)
    return Markup("<figure><figcaption>{}</figcaption>{}</figure>").format(name, chart)


def _bin_width(low: float, high: float) -> float:
    """1, 2 or 5 times a power of ten, so that there are about twenty bins at the most."""
    if high <= low:
        return 1.0
    rough = (high - low) / _BINS
    power = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def _binned(values: Sequence[float], low: float, width: float, num_bins: int) -> list[int]:
    counts = [0] * num_bins
    for value in values:
        counts[min(int((value - low) / width + 1e-9), num_bins - 1)] += 1
    return counts


def _chart(kind: str, box: str, said: str, parts: Iterable[Markup]) -> Markup:
    svg = '<svg class="{}" viewBox="{}" role="img" aria-label="{}">{}</svg>'
    return Markup(svg).format(kind, box, said, Markup().join(parts))


def _rect(left: float, top: float, width: float, height: float, kind: str = "") -> Markup:
    of_kind = Markup(' class="{}" fill="{}"').format(kind, _COLOURS[kind]) if kind else ""
    rect = '<rect x="{:.2f}" y="{:.2f}" width="{:.1f}" height="{:g}"{}/>'
    return Markup(rect).format(left, top, width, round(height, 2), of_kind)


def _text(x: float, y: float, size: int, text: str, anchor: str = "start") -> Markup:
    said = '<text x="{}" y="{}" font-size="{}" text-anchor="{}">{}</text>'
    return Markup(said).format(x, y, size, anchor, text)
