"""`irg curate`: make a training set from a recipe, and report on one."""

import textwrap
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from irg.cli.console import bars
from irg.cli.options import Telling, option, with_groups
from irg.terminal import err, print_json
from irg.terminal import out as stdout

if TYPE_CHECKING:
    from rich.console import Console

    from irg.curate.recipe import CurateRecipe
    from irg.curate.session import Curated
    from irg.stages.shards import Outcome, Tally

EXAMPLES = """[bold]Examples[/bold]
  irg curate recipes/scene.yaml --count 500
  irg curate recipes/scene.yaml draw.flawed=0.2 select.keep_right=0.3 --out runs/mine
  irg curate my.yaml --dry-run
  irg curate my.yaml --max-cost 20 --ray auto
  irg curate my.yaml --retry
  irg curate report runs/scene-set

Run it again to go on where it was interrupted: nothing finished is done twice."""

REPORT_EXAMPLES = """[bold]Examples[/bold]
  irg curate report runs/scene-set"""


_MOST_SAID = 200
"""Characters of an example."""


class RunByDefault(TyperGroup):
    """A group of commands of which `run` need not be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


group = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Make a training set of traces from a recipe: [cyan]irg curate RECIPE[/cyan].",
    epilog=EXAMPLES,
)


@group.command("run", epilog=EXAMPLES)
@with_groups
def run(
    recipe: Annotated[
        Path, typer.Argument(help="A YAML file, or the name of one that comes with irg: scene.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE ...", help="What to change of the recipe.")
    ] = None,
    *,
    count: Annotated[int | None, option("Records to begin with, in place of the recipe's.", least=1)] = None,
    out: Annotated[Path | None, option("Folder, in place of the recipe's.")] = None,
    ray: Annotated[
        str | None,
        option("Work on a Ray cluster: HOST:PORT, auto, or local for two workers here.", metavar="ADDRESS"),
    ] = None,
    max_cost: Annotated[float | None, option("The most that endpoints may cost in all.", least=0)] = None,
    max_requests: Annotated[int | None, option("The most requests to endpoints in all.", least=0)] = None,
    dry_run: Annotated[
        bool, option("Only say what would be done, and what it would cost.", "--dry-run")
    ] = False,
    again: Annotated[
        bool, option("Also make again the records that endpoints gave no usable answer for.", "--retry")
    ] = False,
    telling: Telling,
) -> None:
    """Make the training set that a recipe describes, with its report.

    The stages are propose, think, draw, improve, judge, reflect, filter, select and emit. What each made is
    kept in OUT/work, so an interrupted run goes on where it stopped, and a changed recipe redoes what it
    changes. Every teacher is asked one question before all else. An empty set is an error.
    """
    from irg.curate.recipe import read_recipe

    options = {
        "propose.count": count,
        "out": out,
        "budget.max_cost": max_cost,
        "budget.max_requests": max_requests,
    }
    changed = read_recipe(recipe, overrides or [], options)
    if dry_run:
        _print_plan(changed, telling)
        return
    from irg.curate.session import curate
    from irg.stages.cluster import Cluster

    cluster = None if ray is None else Cluster(ray)
    with bars(telling.console) as move:
        curated = curate(changed, _watching(move, changed.propose.count), cluster, again)
    _print_outcome(changed, curated, telling)
    if not curated.emitted.num_traces:
        err.print("the set is empty: see above what became of its records", style="red")
    if curated.progress.stopped is not None or not curated.emitted.num_traces:
        raise typer.Exit(1)


@group.command("report", epilog=REPORT_EXAMPLES)
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
) -> None:
    """Write FOLDER/report.html anew: funnel, rejects, cost, histograms, and some of the pairs."""
    from irg.curate.report import write_report

    stdout.print(write_report(folder), highlight=False, markup=False, soft_wrap=True)


def _watching(move: Callable[..., None], count: int) -> "Callable[[str, Outcome], None]":
    """Moves a bar per stage: records that it has done with, of all, and how fast those of this run were."""
    tallies: dict[str, Tally] = {}

    def watch(name: str, outcome: "Outcome") -> None:
        if not outcome.reused:
            tallies[name] = outcome.tally + tallies[name] if name in tallies else outcome.tally
        done = outcome.tally.kept if name == "propose" else outcome.tally.taken
        move(name, count, _speed(tallies[name]) if name in tallies else "known", advance=done)

    return watch


def _speed(tally: "Tally") -> str:
    return f"{tally.taken / tally.seconds:,.1f}/s" if tally.seconds > 0 else ""


def _print_outcome(recipe: "CurateRecipe", curated: "Curated", telling: Telling) -> None:
    progress, emitted, console = curated.progress, curated.emitted, telling.console
    table = Table("stage", "records", "kept", "records/s", "seconds", "requests", "cost")
    for name, tally in progress.tallies.items():
        cells = (f"{tally.taken:,}", f"{tally.kept:,}", _speed(tally), f"{tally.seconds:,.1f}")
        table.add_row(name, *cells, f"{tally.cost.requests:,}", f"{tally.cost.money:,.4f}")
    console.print(table)
    _print_spending(curated, console)
    for stage, reasons in emitted.rejects.items():
        for reason, number in sorted(reasons.items(), key=lambda item: -item[1]):
            example = textwrap.shorten(curated.examples.get((stage, reason), ""), _MOST_SAID)
            such = f", such as: {escape(example)}" if example else ""
            console.print(f"  rejected by {stage}: {number:,} {escape(reason)}{such}", soft_wrap=True)
    if progress.stopped is not None:
        err.print(f"stopped: {progress.stopped}", style="yellow", markup=False, soft_wrap=True)
        err.print("what is finished stays: the same command goes on from there", style="yellow")
    parts = ", ".join(f"{number:,} in {part}" for part, number in emitted.parts.items())
    data = escape(str(recipe.out / "data"))
    console.print(f"{emitted.num_traces:,} traces ({parts or 'none'}) in {data}, {curated.seconds:,.1f} s")
    console.print(f"report: {escape(str(curated.report))}", soft_wrap=True)
    if telling.as_json:
        print_json(_summary(recipe, curated))


def _print_spending(curated: "Curated", console: "Console") -> None:
    for reason, number in curated.retried.items():
        console.print(f"made again: {number:,} records that had been rejected with {reason!r}")
    for model in curated.spent:
        events = "".join(f", {count:,} {event}" for event, count in model.events.items())
        console.print(
            f"charged to {escape(model.model)} in all: {model.requests:,} requests{escape(events)}, "
            f"{model.tokens_in:,} tokens in, {model.tokens_out:,} out, {model.images:,} images, "
            f"{model.money:,.4f}"
        )


def _summary(recipe: "CurateRecipe", curated: "Curated") -> dict[str, Any]:
    stages = {
        name: {"taken": tally.taken, "kept": tally.kept, "seconds": round(tally.seconds, 3)}
        | {"rejects": tally.rejects, "cost": vars(tally.cost)}
        for name, tally in curated.progress.tallies.items()
    }
    return {
        "out": str(recipe.out),
        "traces": curated.emitted.parts,
        "rejects": curated.emitted.rejects,
        "examples": [
            {"stage": stage, "reason": reason, "said": said}
            for (stage, reason), said in curated.examples.items()
        ],
        "stages": stages,
        "spent": [asdict(model) for model in curated.spent],
        "retried": curated.retried,
        "seconds": round(curated.seconds, 3),
        "stopped": curated.progress.stopped,
        "report": str(curated.report),
    }


def _print_plan(recipe: "CurateRecipe", telling: Telling) -> None:
    """What a run would do, with nothing loaded, asked or written."""
    from irg.curate.build import Build
    from irg.curate.plan import plan_of

    plan = plan_of(Build(recipe))
    table = Table("stage", "bound by", "model", "requests", "at most", "cost", "at most")
    for stage in plan.stages:
        expected = stage.estimate
        costs = ("", "", "", "")
        if expected is not None:
            requests = (f"{expected.requests:,}", f"{expected.most_requests:,}")
            costs = (*requests, f"{expected.money:,.4f}", f"{expected.most_money:,.4f}")
        table.add_row(stage.name, stage.resource, stage.model, *costs)
    telling.console.print(table)
    telling.console.print(f"{plan.count:,} records in {plan.num_shards:,} shards of up to {recipe.shard:,}")
    for problem in plan.problems:
        telling.console.print(f"  {escape(problem)}", style="yellow")
    if telling.as_json:
        print_json(plan.as_json())
