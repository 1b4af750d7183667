"""`irg train`: run a training recipe."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irg.cli.findings import print_table
from irg.cli.options import option
from irg.terminal import err, out

if TYPE_CHECKING:
    from irg.core.recipe import Recipe
    from irg.train.settings import TrainRecipe

EXAMPLES = """[bold]Examples[/bold]
  irg train smoke out=runs/smoke
  irg train finetune_laptop data.0.path=data/photos out=runs/photos
  irg train recipes/bagel_stage1.yaml data.0.path=data/irgl --dry-run --processes 8
  [dim]# eight processes that share the model; run it again with --resume to go on where it stopped[/dim]
  torchrun --nproc-per-node 8 -m irg train recipes/bagel_stage1.yaml data.0.path=data/irgl --resume"""


def train(
    recipe: Annotated[
        Path, typer.Argument(help="A YAML file, or the name of one that comes with irg (irg recipe list).")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE ...", help="What to change of the recipe, such as data.0.path=FOLDER."
        ),
    ] = None,
    resume: Annotated[
        bool, option("Go on from the newest checkpoint in the run's folder, if any.", "--resume")
    ] = False,
    strict: Annotated[bool, option("Stop at the first row that cannot be used.", "--strict")] = False,
    dry_run: Annotated[
        bool, option("Say what would be trained and what it takes, and stop.", "--dry-run")
    ] = False,
    processes: Annotated[
        int | None,
        option("With --dry-run: plan for so many processes, one per GPU. Default: 1.", metavar="N", least=1),
    ] = None,
) -> None:
    """Run a recipe: train the model, or make the embedded model's tokenizer or autoencoder.

    The resolved recipe is saved beside what it makes.
    """
    from irg.train.recipes import read_recipe, run_recipe

    chosen = read_recipe(recipe, overrides or [])
    if dry_run:
        _show_plan(chosen, recipe, overrides or [], processes or int(os.environ.get("WORLD_SIZE", "1")))
        return
    if processes is not None:
        raise ValueError("--processes is for --dry-run; a run has those that torchrun starts")
    try:
        result = run_recipe(chosen, resume, strict)
    except KeyboardInterrupt:
        _tell_where_it_stands(chosen)
        raise typer.Exit(130) from None
    if int(os.environ.get("RANK", "0")) == 0:
        out.print(f"done: {result}", soft_wrap=True)


def _refuse_absent(recipe: "TrainRecipe", file: Path, overrides: list[str]) -> None:
    """Data that were typed, or stand in a recipe of the user's own, are what the run would read. A recipe
    that comes with irg leaves them to be said, or made."""
    from irg.core.shipped import comes_with_irg

    is_own = not comes_with_irg(file)
    read = (*recipe.data, *(recipe.evaluation.data if recipe.evaluation else ()))
    for path in (one.path for one in read if one.path is not None and not one.path.exists()):
        for key, _, value in (override.partition("=") for override in overrides):
            if key.startswith(("data", "evaluation")) and str(path) in value:
                raise ValueError(f"{path}: no such file or folder ({key}={value})")
        if is_own:
            raise ValueError(f"{path}: no such file or folder ({file})")


def _tell_where_it_stands(recipe: "Recipe") -> None:
    from irg.run.loop import newest_step

    if int(os.environ.get("RANK", "0")) > 0:
        return
    step = newest_step(recipe.out)
    said = "nothing was saved" if step is None else f"step {step} is saved: go on with --resume"
    err.print(f"\ninterrupted: {said}", style="yellow")


def _show_plan(recipe: "Recipe", file: Path, overrides: list[str], processes: int) -> None:
    from irg.run.budget import Section
    from irg.train.preview import describe_run
    from irg.train.settings import TrainRecipe

    if not isinstance(recipe, TrainRecipe):
        raise ValueError(f"a dry run plans the training of a whole model, not of kind {recipe.kind!r}")
    _refuse_absent(recipe, file, overrides)
    if int(os.environ.get("RANK", "0")) > 0:
        return
    for part in describe_run(recipe, processes):
        if isinstance(part, Section):
            print_table(part.title, part.head, part.rows)
        else:
            out.print(part, soft_wrap=True, markup=False)
