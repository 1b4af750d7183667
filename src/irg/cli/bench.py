"""`irg bench`: benchmark protocols that score a checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from irg.cli.compare import (
    AblationPrompts,
    Also,
    Asked,
    Base,
    Compare,
    Curve,
    CurvePrompts,
    Places,
    Records,
    Seeds,
    Workers,
    check_world,
    seeds_from,
)
from irg.cli.compare import compare as run_comparison
from irg.cli.console import choose_console, print_json
from irg.cli.options import AsJson, Device, Dtype, ModelChoice, ModelName, Quiet, Seed
from irg.cli.output import make_writable

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = """[bold]Examples[/bold]
  irg bench scene
  irg bench scene --prompts 60 --turns 3 --seed 1
  irg bench scene --json --out runs/bench > scores.json
  irg bench scene --compare --base runs/base/exported/step-00003000-ema-bfloat16
  irg bench scene --compare --also "stage 2 alone=runs/alone/checkpoint" --curve runs/base"""

bench_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Score a checkpoint.")


def register(app: typer.Typer) -> None:
    app.add_typer(bench_app, name="bench")


@bench_app.command("scene", epilog=EXAMPLES)
def scene(
    prompts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Main prompts; a fifth as many combinations and as many compounds are added. "
            "Default: 300, with --compare 1000.",
            show_default=False,
        ),
    ] = None,
    turns: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Turns with thoughts; turn 0, without, is always run. Default: 2, with --compare 4.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    batch: Annotated[int, typer.Option(min=1, help="Episodes that run in step.")] = 32,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for summary.json, items.jsonl, a contact sheet, and what was drawn, from which an "
            "interrupted run goes on. With --compare for its tables, plots and contact sheet, and "
            "docs/results if not given.",
            show_default=False,
        ),
    ] = None,
    compare: Compare = False,
    seeds: Seeds = None,
    base: Base = None,
    also: Also = None,
    curve: Curve = None,
    ablation_prompts: AblationPrompts = None,
    curve_prompts: CurvePrompts = None,
    records: Records = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    model: ModelName = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Draw held-out prompts of the scene world, turn by turn, and let the oracle judge every picture.

    Turn 0 is the base, drawn at once. Each score is the share of pictures that show exactly what was asked
    for, with its 95% Wilson interval, for each of the six prompt families and overall.
    """
    from irg.bench.scene.benchmark import run, save, summarise
    from irg.bench.scene.items import SceneOptions

    console, choice = choose_console(quiet, as_json), ModelChoice(model, device, dtype)
    given = {
        "--seeds": seeds,
        "--base": base,
        "--also": also,
        "--curve": curve,
        "--ablation-prompts": ablation_prompts,
        "--curve-prompts": curve_prompts,
        "--records": records,
        "--workers": workers,
    }
    if compare:
        from irg.bench.scene.comparison import CompareOptions

        chosen = CompareOptions(
            prompts or 1000,
            seeds_from(seeds or "0 1"),
            turns or 4,
            seed,
            batch,
            ablation_prompts or 300,
            curve_prompts or 150,
        )
        asked = Asked(choice, base, tuple(also or ()), tuple(curve or ()))
        run_comparison(asked, chosen, Places(out, records, workers), console, as_json)
        return
    for name, value in given.items():
        if value:
            raise ValueError(f"{name} {value!r} is for --compare, which is not given")
    check_world(choice)
    options = SceneOptions(prompts or 300, turns or 2, seed, batch)
    if out is not None:
        make_writable(out)
    pipeline = choice.load(console)
    with Progress(console=console) as progress, _drawing_folder(out) as folder:
        task = progress.add_task("pictures", total=None)

        def show(done: int, total: int) -> None:
            if done and not progress.tasks[task].total:
                console.print(f"{folder} holds {done} of {total} already")
            progress.update(task, completed=done, total=total)

        found = run(pipeline, options, folder, show)
        summary = summarise(found.items, found.judged, options, pipeline.identity)
        if out is not None:
            save(found, summary, out)
    if as_json:
        print_json(summary)
    else:
        _show(summary, console)
    if missing := summary.get("incomplete"):
        reasons = ", ".join(f"{count} {reason}" for reason, count in missing["missing"].items())
        raise ValueError(
            f"incomplete: {missing['judged']} of {missing['expected']} pictures judged ({reasons}); the "
            "scores are of those alone"
        )


@contextmanager
def _drawing_folder(out: Path | None) -> Iterator[Path]:
    """Where pictures lie: beside the results, so that an interrupted run goes on, or nowhere for long."""
    if out is not None:
        yield out / "drawn"
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _show(summary: dict[str, Any], console: "Console") -> None:
    families = list(summary["turns"][0]["families"])
    title = f"{summary['protocol']}, {summary['prompts']} held-out prompts, seed {summary['seed']}"
    groups = ("combinations", "compounds")
    table = Table("turn", "score", "95% interval", *families, *groups, title=title)
    for turn in summary["turns"]:
        table.add_row(
            "0 (no thought)" if turn["turn"] == 0 else str(turn["turn"]),
            f"{turn['score']:.3f}",
            f"{turn['low']:.3f} to {turn['high']:.3f}",
            *(f"{turn['families'][family]['score']:.2f}" for family in families),
            *(f"{turn[group]['score']:.2f} (n={turn[group]['count']})" for group in groups),
        )
    console.print(table)
    for change in summary["changes"]:
        console.print(
            f"turn {change['from']} -> {change['to']}: "
            f"{change['fixed']} pictures put right, {change['broken']} broken"
        )
