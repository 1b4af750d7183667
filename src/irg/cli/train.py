"""`irg train`: run a training recipe."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.console import out

EXAMPLES = """[bold]Examples[/bold]
  irg train recipes/smoke.yaml out=runs/smoke
  irg train recipes/bagel_stage1.yaml data.0.path=data/irgl --dry-run
  [dim]# eight processes that share the model; run it again with --resume to go on where it stopped[/dim]
  torchrun --nproc-per-node 8 -m irg train recipes/bagel_stage1.yaml data.0.path=data/irgl --resume"""


def register(app: typer.Typer) -> None:
    app.command("train", epilog=EXAMPLES)(train)


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML file from recipes/, or your own.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE ...", help="What to change of the recipe, such as data.0.path=FOLDER."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint in the run's folder, if any.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be trained and what it takes, and stop.")
    ] = False,
) -> None:
    """Run a recipe: make a tokenizer, train an autoencoder or the model, or let a model draw pictures.

    The resolved recipe is saved beside what it makes.
    """
    from irg.train.recipes import Manner, read_recipe, run_recipe

    chosen = read_recipe(recipe, overrides or [])
    if dry_run:
        from irg.train.preview import describe_run

        for line in describe_run(chosen):
            out.print(line)
        return
    result = run_recipe(chosen, Manner(resume, strict))
    out.print(f"done: {result}")
