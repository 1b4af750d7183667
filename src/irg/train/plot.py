"""Draws the losses of training runs from their `metrics.jsonl`."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from irg.core.files import parse_json, read_lines
from irg.core.values import check_number
from irg.report import plots

_MEAN_OVER = 15
"""Recorded steps averaged into one point: single batches hold few documents of each mode."""


def read_metrics(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Each loss of a run as (step, value) pairs. Raises ValueError where there are none."""
    path = run / "metrics.jsonl"
    if not path.exists():
        raise ValueError(f"{run} holds no metrics: metrics.jsonl is missing")
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for line in read_lines(path):
        values = parse_json(line, str(path))
        if not isinstance(values, dict):
            raise ValueError(f"{path} holds {line[:80]!r}: expected JSON objects, one a line")
        for name, value in values.items():
            if value is not None and name.startswith(("flow/", "text/")):
                check_number(f"{path}: {name}", value)
                check_number(f"{path}: step", values.get("step"), 0, whole=True)
                series[name].append((values["step"], value))
    if not series:
        raise ValueError(f"{path} holds no losses of the unified model")
    return dict(series)


def smooth(points: Sequence[tuple[int, float]], over: int = _MEAN_OVER) -> tuple[list[float], list[float]]:
    """Steps and values averaged over `over` recorded points each."""
    chunks = [points[start : start + over] for start in range(0, len(points), over)]
    steps = [sum(step for step, _ in chunk) / len(chunk) for chunk in chunks]
    return steps, [sum(value for _, value in chunk) / len(chunk) for chunk in chunks]


def plot(runs: Sequence[Path], out: Path) -> None:
    """Write a picture of all flow and text losses, the runs one after the other. Needs matplotlib. Raises
    ValueError for a file that is no plot of ours."""
    plots.refuse_to_replace(out)
    found = [(run, read_metrics(run)) for run in runs]
    figure, axes = plots.pyplot().subplots(1, 2, figsize=(12, 4.5), constrained_layout=True)
    colours: dict[str, str] = {}
    labelled: set[str] = set()
    begin = 0.0
    for run, metrics in found:
        for name, points in sorted(metrics.items()):
            kind, mode = name.split("/")
            axis = axes[0 if kind == "flow" else 1]
            label = None if name in labelled else mode.replace("_", " ")
            labelled.add(name)
            colour = colours.setdefault(mode, plots.COLOURS[len(colours) % len(plots.COLOURS)])
            steps, values = smooth(points)
            axis.plot([begin + step for step in steps], values, color=colour, label=label)
        end = begin + max(points[-1][0] for points in metrics.values())
        for axis in axes:
            if begin:
                axis.axvline(begin, color="0.8", linewidth=1)
            axis.text(begin, axis.get_ylim()[1], f" {run.name}", va="bottom", color="0.4")
        begin = end
    for axis, title in zip(
        axes, ("flow error of drawn images", "cross-entropy of written texts"), strict=True
    ):
        axis.set(xlabel="step", ylabel=title, yscale="log")
        plots.bare(axis)
        axis.legend(frameon=False, fontsize=8)
    plots.save(figure, out)
