"""A measurement as JSON, as a table, as a plot, and beside another one."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from irg.bench.speed.measure import DRAWING, TEXT, Speed
from irg.core.files import read_json, write_atomically
from irg.core.values import check_number
from irg.report.plots import COLOURS, bare, pyplot, save


def summary(speed: Speed) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "kernel_calls": asdict(speed.calls),
        "of_limit": {"text": speed.of_limit(TEXT), "drawing": speed.of_limit(DRAWING)},
        "phases": {phase: asdict(moment) for phase, moment in speed.phases.items()},
        "peak_bytes": speed.peak_bytes,
    }


def details(speed: Speed) -> dict[str, Any]:
    """The same, with what was measured, and how each phase compares with the machine."""
    limits = speed.limits
    return summary(speed) | {
        "workload": asdict(speed.workload) | {"usual": asdict(speed.workload.usual)},
        "device": speed.device,
        "dtype": str(speed.dtype).removeprefix("torch."),
        "planned_bytes": speed.planned_bytes,
        "drawing_of_laid_out": speed.of_laid_out,
        "machine": {"flops_per_second": limits.best_rate, "bytes_per_second": limits.bandwidth},
        "shares": {
            phase: {
                "tokens_per_second": work.tokens / speed.seconds(phase),
                "flops": work.flops / speed.seconds(phase) / limits.best_rate,
                "bytes": limits.reading(work) / speed.seconds(phase),
            }
            for phase, work in speed.works.items()
        },
    }


def rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """Of `details`: for every phase wall and CPU seconds, tokens/s, and shares of arithmetic and reading."""
    return [
        (
            phase,
            f"{taken['wall']:.3f}",
            f"{taken['cpu']:.3f}",
            f"{share['tokens_per_second']:,.0f}" if share["tokens_per_second"] else "",
            f"{share['flops']:.0%}",
            f"{share['bytes']:.0%}",
        )
        for (phase, taken), share in zip(found["phases"].items(), found["shares"].values(), strict=True)
    ]


def write(found: dict[str, Any], path: Path) -> None:
    write_atomically(path, json.dumps(found, indent=1) + "\n")


def read_run(path: Path) -> dict[str, Any]:
    """A run as `--json` printed it. Raises ValueError for what is none."""
    found = read_json(path)
    try:
        for name, value, _ in compared(found, found):
            check_number(name, value)
    except (LookupError, TypeError, AttributeError) as missing:
        raise ValueError(f"{path} is no run of irg bench speed: it lacks {missing}") from missing
    except ValueError as wrong:
        raise ValueError(f"{path} is no run of irg bench speed: {wrong}") from wrong
    return found


def compared(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Names and both values of everything that both runs have."""
    pairs = [
        (f"{phase}: {clock} s", taken[clock], after["phases"][phase][clock])
        for phase, taken in before["phases"].items()
        if phase in after["phases"]
        for clock in ("wall", "cpu")
    ]
    for group in ("kernel_calls", "of_limit"):
        both = [name for name in before[group] if name in after[group]]
        pairs += [(f"{group}: {name}", before[group][name], after[group][name]) for name in both]
    return [*pairs, ("peak bytes", before["peak_bytes"], after["peak_bytes"])]


def plot(speed: Speed, path: Path) -> Path:
    """The seconds of each phase, and behind writing and drawing the machine's limit."""
    plots = pyplot()
    figure, axis = plots.subplots(figsize=(8, 3.6), layout="constrained")
    phases = list(speed.phases)
    axis.barh(phases, [speed.seconds(phase) for phase in phases], color=COLOURS[1], label="measured")
    bounded = [phase for phase in phases if phase in TEXT + DRAWING]
    axis.barh(bounded, [speed.limit(phase) for phase in bounded], 0.35, color=COLOURS[2], label="the limit")
    axis.invert_yaxis()
    axis.set_xlabel("seconds")
    axis.set_title(f"{speed.workload.preset}, {speed.device}", loc="left", fontsize=10)
    axis.legend(frameon=False)
    bare(axis)
    return save(figure, path)
