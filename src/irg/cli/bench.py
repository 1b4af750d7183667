"""`irg bench`: benchmark protocols that score a checkpoint."""

from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from irg.cli.compare import Contest, check_world, scored
from irg.cli.console import bars
from irg.cli.options import ModelChoice, Seed, Telling, option, with_groups
from irg.terminal import print_json

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = """[bold]Examples[/bold]
  irg bench scene
  irg bench scene --prompts 60 --turns 3 --seed 1
  irg bench scene --json --out runs/bench > scores.json
  irg bench scene --compare --base runs/base/exported/step-00003000-ema-bfloat16
  irg bench scene --compare --also "stage 2 alone=runs/alone/checkpoint" --curve runs/base"""

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Score a checkpoint.")


@group.command("scene", epilog=EXAMPLES)
@with_groups
def scene(
    contest: Contest,
    telling: Telling,
    choice: ModelChoice,
    prompts: Annotated[
        int | None,
        option(
            "Main prompts; a fifth as many combinations and as many compounds are added. "
            "Default: 300, with --compare 1000.",
            least=1,
        ),
    ] = None,
    turns: Annotated[
        int | None,
        option("Turns with thoughts; turn 0, without, is always run. Default: 2, with --compare 4.", least=1),
    ] = None,
    seed: Seed = 0,
    batch: Annotated[int, option("Episodes that run in step.", least=1)] = 32,
    out: Annotated[
        Path | None,
        option(
            "Folder for summary.json, items.jsonl, a contact sheet, and what was drawn, from which an "
            "interrupted run goes on. With --compare for its tables, plots and contact sheet, and "
            "docs/results if not given."
        ),
    ] = None,
) -> None:
    """Draw held-out prompts of the scene world, turn by turn, and let the oracle judge every picture.

    Turn 0 is the base, drawn at once. Each score is the share of pictures that show exactly what was asked
    for, with its 95% Wilson interval, for each of the six prompt families and overall.
    """
    from irg.bench.scene.benchmark import run, save, summarise
    from irg.bench.scene.items import SceneOptions

    console = telling.console
    if contest.compare:
        contest.run(choice, SceneOptions(prompts or 1000, turns or 4, seed, batch), out, telling)
        return
    contest.refuse_options()
    check_world(choice)
    options = SceneOptions(prompts or 300, turns or 2, seed, batch)
    # Beside the results, so that an interrupted run goes on, or nowhere for long.
    place = TemporaryDirectory() if out is None else nullcontext(out / "drawn")
    with nullcontext() if out is None else scored(out), place as folder, bars(console) as move:
        pipeline = choice.load(console)
        is_told = False

        def show(done: int, total: int) -> None:
            nonlocal is_told
            if done and not is_told:
                console.print(f"{folder} holds {done} of {total} already")
            is_told = True
            move("pictures", total, completed=done)

        found = run(pipeline, options, Path(folder), show)
        summary = summarise(found.items, found.heard, options, pipeline.identity)
        if out is not None:
            save(found, summary, out)
    if telling.as_json:
        print_json(summary)
    else:
        _show(summary, console)
    if missing := summary.get("incomplete"):
        reasons = ", ".join(f"{count} {reason}" for reason, count in missing["missing"].items())
        raise ValueError(
            f"incomplete: {missing['judged']} of {missing['expected']} pictures judged ({reasons}); the "
            "scores are of those alone"
        )


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
