"""The `irg` command and its subcommands."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from irg import __version__
from irg.cli import (
    ask,
    bench,
    bench_files,
    bench_report,
    bench_run,
    bench_scorer,
    bench_speed,
    bench_train,
    curate,
    data,
    edit,
    export,
    generate,
    info,
    plan,
    plot,
    publish,
    recipe,
    rl,
    serve,
    serve_token,
    train,
)
from irg.cli.errors import explain, name_value
from irg.cli.options import with_groups
from irg.terminal import err, out

EXAMPLES = """[bold]Examples[/bold]
  irg generate "a green star above a yellow circle"
  irg generate "a large green heart" --turns 1 --no-think
  irg ask runs/x/turn2.png "How many circles are there?"
  irg edit runs/x/turn2.png "make the square top-right yellow"
  irg info

Without [cyan]--model[/cyan] the embedded model runs: it needs no download,
and knows a small world of simple shapes. A real checkpoint is loaded with
[cyan]--model ByteDance-Seed/BAGEL-7B-MoT[/cyan] (from the hub) or [cyan]--model FOLDER[/cyan].
[cyan]irg COMMAND --help[/cyan] says more about a command."""


class Guarded(TyperGroup):
    """Runs commands so that what a user got wrong is one line on stderr, and Ctrl-C is quiet."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as wrong:
            raise name_value(wrong) from wrong.__cause__
        except KeyboardInterrupt:
            err.print("\ninterrupted: nothing unfinished was kept", style="yellow")
            raise typer.Exit(130) from None
        except Exception as error:
            message = explain(error)
            if message is None or ctx.obj is True:
                raise
            err.print("error:", style="bold red", end=" ")
            err.print(message, markup=False, soft_wrap=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=Guarded,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"irg {__version__}")
        raise typer.Exit


@app.callback()
def irg(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="IRG_DEBUG", help="Show the traceback of every error.")
    ] = False,
) -> None:
    """[bold]Interleaved reasoning generation[/bold]: one model that thinks in words,
    draws, looks at what it drew, reflects, and draws it better.
    """
    ctx.obj = debug


for command, examples in (
    (generate.generate, generate.EXAMPLES),
    (ask.ask, ask.EXAMPLES),
    (edit.edit, edit.EXAMPLES),
    (info.info, info.EXAMPLES),
    (train.train, train.EXAMPLES),
    (rl.rl, rl.EXAMPLES),
    (export.export, export.EXAMPLES),
    (plot.plot, plot.EXAMPLES),
):
    app.command(command.__name__, epilog=examples)(with_groups(command))
bench.group.command("train", epilog=bench_train.EXAMPLES)(bench_train.train)
bench.group.command("run", epilog=bench_run.RUN_EXAMPLES)(bench_run.run)
bench.group.command("score", epilog=bench_run.SCORE_EXAMPLES)(bench_run.score)
bench.group.command("report", epilog=bench_report.EXAMPLES)(bench_report.report)
bench.group.command("list", epilog=bench_files.LIST_EXAMPLES)(bench_files.benchmarks)
bench.group.command("download", epilog=bench_files.DOWNLOAD_EXAMPLES)(bench_files.download)
bench.group.command("export", epilog=bench_files.EXPORT_EXAMPLES)(bench_files.export)
bench.group.command("scorer", epilog=bench_scorer.EXAMPLES)(bench_scorer.scorer)
bench.group.command("speed", epilog=bench_speed.EXAMPLES)(bench_speed.speed)
serving = typer.Typer(invoke_without_command=True, epilog=serve.EXAMPLES)
serving.callback(epilog=serve.EXAMPLES)(with_groups(serve.serve))
serving.add_typer(serve_token.group, name="token")
for name, group in (
    ("data", data.group),
    ("serve", serving),
    ("curate", curate.group),
    ("publish", publish.group),
    ("bench", bench.group),
    ("recipe", recipe.group),
    ("plan", plan.group),
):
    app.add_typer(group, name=name)
