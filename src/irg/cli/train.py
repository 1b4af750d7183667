"""`irg train`: run a training recipe."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.console import out

EXAMPLES = """[bold]Examples[/bold]
  irg train recipes/embedded_autoencoder.yaml
  irg train recipes/embedded_base.yaml steps=100 out=runs/try modes.direct=0.5
  [dim]# two processes, averaged gradients; run it again to go on where it stopped[/dim]
  torchrun --nproc-per-node 2 -m irg train recipes/embedded_base.yaml"""


def register(app: typer.Typer) -> None:
    app.command("train", epilog=EXAMPLES)(train)


def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML file from recipes/, or your own.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE ...", help="What to change of the recipe.")
    ] = None,
) -> None:
    """Run a recipe: make a tokenizer, train an autoencoder or the model, or let a model draw pictures.

    The resolved recipe is saved beside what it makes. An interrupted run goes on from its last checkpoint.
    """
    from irg.train.recipes import read_recipe, run_recipe

    result = run_recipe(read_recipe(recipe, overrides or []))
    out.print(f"done: {result}")
