"""`irg bench scene --compare`: turns, the base, equal-compute alternatives and ablations side by side."""

import json
import os
import re
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from irg.cli.console import print_json
from irg.cli.options import ModelChoice
from irg.cli.output import make_writable

if TYPE_CHECKING:
    from rich.console import Console

    from irg.bench.scene.comparison import CompareOptions, Contestants, Found
    from irg.pipeline.load import NamedCheckpoint

FOLDER = Path("docs/results")
_PANEL = "Comparison"


def _option(help_text: str, metavar: str | None = None, least: int | None = None) -> Any:
    """An option that only a comparison takes."""
    return typer.Option(
        help=f"With --compare: {help_text}",
        metavar=metavar,
        min=least,
        show_default=False,
        rich_help_panel=_PANEL,
    )


Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        help="Compare turns with the base, with what else the compute could buy, and with ablations.",
        rich_help_panel=_PANEL,
    ),
]
Seeds = Annotated[
    str | None,
    _option(
        "each prompt is drawn with each of these seeds; --seed chooses the prompts. Default: '0 1'.",
        "'N N ...'",
    ),
]
Base = Annotated[
    str | None,
    _option("what the model was trained from; it draws at once and with a thought.", "FOLDER|HUB_ID"),
]
Also = Annotated[
    list[str] | None,
    _option("another checkpoint to set beside it, such as one trained without a stage.", "NAME=FOLDER"),
]
Curve = Annotated[
    list[str] | None,
    _option(
        "score against training steps. A checkpoint and its step, or a run's folder or one of checkpoints "
        "named by their steps, which are counted from STEP (default 0).",
        "[STEP=]FOLDER",
    ),
]
AblationPrompts = Annotated[
    int | None,
    _option("prompts for ablations, later turns and --also, with the first seed. Default: 300.", least=1),
]
CurvePrompts = Annotated[
    int | None, _option("prompts for each point of --curve, with the first seed. Default: 150.", least=1)
]
Records = Annotated[
    Path | None,
    _option("folder for what was drawn, from which an interrupted run goes on. Default: records in --out."),
]
Workers = Annotated[
    int | None,
    _option(
        "processes that draw; the results do not depend on it. Default: one for each core, on a GPU one.",
        least=1,
    ),
]


@dataclass(frozen=True)
class Asked:
    """Who is compared, as asked for on the command line: the model, and what it is compared with."""

    model: ModelChoice
    base: str | None = None
    others: tuple[str, ...] = ()
    """Each "NAME=FOLDER"."""
    curve: tuple[str, ...] = ()
    """Each "FOLDER" or "STEP=FOLDER"."""

    def contestants(self) -> "Contestants":
        """Raises ValueError for what is written wrongly, is not there, or does not know the scene world."""
        from irg.bench.scene.comparison import Contestants

        others = dict(_named(text) for text in self.others)
        if len(others) < len(self.others):
            raise ValueError(f"--also {' '.join(self.others)}: expected different names")
        base = None if self.base is None else self._checkpoint(self.base)
        return Contestants(
            self._checkpoint(self.model.name),
            base,
            {label: self._checkpoint(name) for label, name in others.items()},
            {step: self._checkpoint(name) for step, name in curve_from(self.curve).items()},
        )

    def _checkpoint(self, name: str | None) -> "NamedCheckpoint":
        choice = ModelChoice(name, self.model.device, self.model.precision)
        check_world(choice)
        choice.check(choice.settings().plan())
        return choice.checkpoint


@dataclass(frozen=True)
class Places:
    """Folders for the tables and for what they are made from, and how many processes draw."""

    out: Path | None = None
    records: Path | None = None
    workers: int | None = None


def check_world(choice: ModelChoice) -> None:
    if choice.settings().world != "scenes":
        raise ValueError(
            f"model {choice.name!r} does not know the scene world, which this benchmark is about"
        )


def seeds_from(text: str) -> tuple[int, ...]:
    """The seeds in "0 1" or "0,1". Raises ValueError naming what is none."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    wrong = [word for word in words if not word.isdecimal()]
    if wrong or not words:
        raise ValueError(f"seeds {text!r}: expected numbers of at least 0, such as '0 1'")
    return tuple(map(int, words))


def curve_from(texts: Seq[str]) -> dict[int, str]:
    """Checkpoints by step: of "STEP=FOLDER" one, or all that the folder holds, their steps counted from STEP
    (0 if it is not given). Raises ValueError for two of one step."""
    from irg.bench.checkpoints import checkpoints_in
    from irg.model.config import LLM_CONFIG

    found: dict[int, str] = {}
    for text in texts:
        before, equals, after = text.partition("=")
        step, folder = (int(before), after) if equals and before.isdecimal() else (0, text)
        if (Path(folder) / LLM_CONFIG).is_file():
            more = {step: folder}
        else:
            more = {step: str(path) for step, path in checkpoints_in(Path(folder), step).items()}
        for step in more.keys() & found.keys():
            raise ValueError(f"--curve: {found[step]} and {more[step]} are both of step {step}")
        found |= more
    return found


def compare(
    asked: Asked, options: "CompareOptions", places: Places, console: "Console", as_json: bool
) -> None:
    """Run the comparison, or what is missing of it, and write its tables, plots and contact sheet."""
    from irg.bench.scene.comparison import run

    contestants = asked.contestants()
    folder = places.out or FOLDER
    records = places.records or folder / "records"
    for one in (folder, records):
        make_writable(one)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("pictures", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        found = run(contestants, options, records, places.workers or _workers(contestants), show)
    with console.status("resampling ..."):
        results = _write(contestants, options, found, folder, records)
    if as_json:
        print_json(results)
        return
    _show(results, console)
    console.print(f"wrote {folder / 'scene.md'}, with results.json, plots and a contact sheet beside it")


def _write(
    contestants: "Contestants", options: "CompareOptions", found: "Found", folder: Path, records: Path
) -> dict[str, Any]:
    from irg.bench.scene.comparison import PROTOCOL, SHEET, write_sheet
    from irg.bench.scene.pages import page
    from irg.bench.scene.plots import draw_plots
    from irg.bench.scene.results import head_of, summarise
    from irg.core.files import write_atomically

    results = summarise(found, options, {"protocol": PROTOCOL} | head_of(contestants))
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_atomically(folder / "scene.md", page(results))
    draw_plots(results, folder)
    write_sheet(contestants, options, records, folder / SHEET)
    return results


def _workers(contestants: "Contestants") -> int:
    """A process for each core; one on a GPU, which a batch fills better."""
    if contestants.model.torch_device.type != "cpu":
        return 1
    usable: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _named(text: str) -> tuple[str, str]:
    label, equals, name = text.partition("=")
    if not equals or not name or not re.fullmatch(r"[\w. -]+", label):
        raise ValueError(f"--also {text!r}: expected NAME=FOLDER, the name of letters, digits, '.', '-', ' '")
    return label, name


def _show(results: dict[str, Any], console: "Console") -> None:
    from irg.bench.scene.conditions import short_title, turn_name
    from irg.bench.scene.results import OVERALL

    table = Table("", "n", "score", "95% interval", "fidelity", "evaluations", title=results["protocol"])
    for found in results["conditions"]:
        score = found["score"][OVERALL]
        table.add_row(
            found["title"],
            str(found["count"]),
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
            console.print(f"turn 2 - {short_title(found['than'])}: {score['value']:+.3f} ({interval})")
