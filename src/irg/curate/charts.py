"""Charts of a report as inline SVG: a funnel of bars, and histograms of two kinds side by side."""

import math
from collections.abc import Sequence
from html import escape

KEPT, REJECTED = "kept", "rejected"
_COLOURS = {KEPT: "#2e9d4f", REJECTED: "#d9a441"}
"""As attributes, and not left to the style sheet: a chart must look the same wherever it is copied to."""
_WIDTH, _HEIGHT = 260, 120
_BINS = 20


def funnel(rows: Sequence[tuple[str, int, int]]) -> str:
    """A bar per stage: how many records it kept, on how many it took."""
    most = max((taken for _, taken, _ in rows), default=0) or 1
    height = 26 * len(rows)
    bars = []
    for row, (name, taken, kept) in enumerate(rows):
        top = 26 * row + 3
        bars.append(
            f'<text x="84" y="{top + 14}" text-anchor="end" font-size="12">{escape(name)}</text>'
            f'<rect x="92" y="{top}" width="{400 * taken / most:.1f}" height="20" {_kind(REJECTED)}/>'
            f'<rect x="92" y="{top}" width="{400 * kept / most:.1f}" height="20" {_kind(KEPT)}/>'
            f'<text x="{98 + 400 * taken / most:.1f}" y="{top + 14}" font-size="12">'
            f"{kept:,} of {taken:,}</text>"
        )
    return f'<svg viewBox="0 0 620 {height}" role="img" aria-label="funnel by stage">{"".join(bars)}</svg>'


def histogram(name: str, kept: Sequence[float], rejected: Sequence[float]) -> str:
    """How often each value occurs, rejected records stacked upon kept ones."""
    values = [*kept, *rejected]
    low, high = min(values), max(values)
    width = _bin_width(low, high)
    num_bins = int((high - low) / width + 1e-9) + 1
    counts = [_binned(part, low, width, num_bins) for part in (kept, rejected)]
    most = max(sum(pair) for pair in zip(*counts, strict=True))
    step, scale = _WIDTH / num_bins, (_HEIGHT - 20) / most
    bars = []
    for index, (below, above) in enumerate(zip(*counts, strict=True)):
        left, base = index * step, _HEIGHT - 16
        said = f"{_short(low + index * width)}: {below:,} kept, {above:,} rejected"
        bars.append(
            f"<g><title>{said}</title>"
            + _bar(left, base - below * scale, step, below * scale, KEPT)
            + _bar(left, base - (below + above) * scale, step, above * scale, REJECTED)
            + "</g>"
        )
    axis = (
        f'<text x="0" y="{_HEIGHT - 3}" font-size="10">{_short(low)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 3}" font-size="10" text-anchor="end">{_short(high)}</text>'
    )
    label = escape(f"histogram of {name}", quote=True)
    chart = (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(bars)}{axis}</svg>'
    )
    return f"<figure><figcaption>{escape(name)}</figcaption>{chart}</figure>"


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


def _bar(left: float, top: float, width: float, height: float, kind: str) -> str:
    if height <= 0:
        return ""
    return (
        f'<rect x="{left:.2f}" y="{top:.2f}" width="{max(width - 1, 0.5):.2f}" height="{height:.2f}" '
        f"{_kind(kind)}/>"
    )


def _kind(kind: str) -> str:
    return f'class="{kind}" fill="{_COLOURS[kind]}"'


def _short(value: float) -> str:
    return f"{value:.4g}"
