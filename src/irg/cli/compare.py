"""`irg bench scene --compare`: turns, the base, equal-compute alternatives and ablations side by side."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from irg.cli.console import print_json
from irg.cli.options import ModelChoice
from irg.cli.output import make_writable

if TYPE_CHECKING:
    from rich.console import Console

    from irg.bench.comparison import CompareOptions

FOLDER = Path("docs/results")


def seeds_from(text: str) -> tuple[int, ...]:
    """The seeds in "0 1" or "0,1". Raises ValueError naming what is none."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    wrong = [word for word in words if not word.isdecimal()]
    if wrong or not words:
        raise ValueError(f"seeds {text!r}: expected numbers of at least 0, such as '0 1'")
    return tuple(map(int, words))


def compare(
    choice: ModelChoice,
    base: ModelChoice | None,
    options: "CompareOptions",
    out: Path | None,
    console: "Console",
    as_json: bool,
) -> None:
    """Run the comparison, or what is missing of it, and write its tables, plots and contact sheet."""
    from irg.bench.comparison import run, run_header
    from irg.bench.pages import page
    from irg.bench.plots import draw_plots
    from irg.bench.results import summarise
    from irg.core.files import write_atomically

    folder = out or FOLDER
    make_writable(folder)
    models = choice.load(console), base.load(console) if base else None
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("prompts", total=None)
        records = run(
            models,
            options,
            folder,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    with console.status("resampling ..."):
        results = summarise(records, options, run_header(models, options))
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_atomically(folder / "scene.md", page(results))
    draw_plots(results, folder)
    if as_json:
        print_json(results)
        return
    _show(results, console)
    console.print(f"wrote {folder / 'scene.md'}, results.json and items.jsonl beside it")


def _show(results: dict[str, Any], console: "Console") -> None:
    from irg.bench.conditions import turn_name
    from irg.bench.results import OVERALL

    table = Table("", "score", "95% interval", "fidelity", "evaluations", title=results["protocol"])
    for found in results["conditions"]:
        score = found["score"][OVERALL]
        table.add_row(
            found["title"],
            f"{score['value']:.3f}",
            f"{score['low']:.3f} to {score['high']:.3f}",
            f"{found['fidelity'][OVERALL]['value']:.4f}",
            f"{found['cost']['evaluations']:.0f}",
        )
    console.print(table)
    for found in results["differences"]:
        if found["better"] == turn_name(2):
            score = found[OVERALL]["score"]
            interval = f"{score['low']:+.3f} to {score['high']:+.3f}"
            console.print(f"turn 2 - {found['than']}: {score['value']:+.3f} ({interval})")
