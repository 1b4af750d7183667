"""`irg export`: a training run's weights as a checkpoint folder."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from irg.cli.options import option
from irg.terminal import out

EXAMPLES = """[bold]Examples[/bold]
  irg export runs/mine
  irg export runs/mine --step 2000 --weights raw --dtype float32 --out weights/mine
  irg export runs/lora --adapters
  irg generate "a cat" --model runs/mine/exported/step-00002000-ema-bfloat16

Needs no GPU, and memory for one file of weights (5 GB)."""


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run: its recipe's [cyan]out[/cyan].")],
    step: Annotated[int | None, option("Which checkpoint. Default: the newest.", least=0)] = None,
    weights: Annotated[Literal["ema", "raw"], option("Averaged over the run, or as they are.")] = "ema",
    dtype: Annotated[Literal["bfloat16", "float32"], option("Type of the exported weights.")] = "bfloat16",
    file: Annotated[
        Literal["ema.safetensors", "ema_bf16.safetensors"] | None,
        option("One file of this name for all weights: BAGEL's own programs open ema.safetensors."),
    ] = None,
    adapters: Annotated[
        bool, option("Of a run with lora, the adapters alone, in peft's form.", "--adapters")
    ] = False,
    folder: Annotated[
        Path | None, option("Where to. Default: a folder of its own in the run.", "--out")
    ] = None,
) -> None:
    """Export a training run's weights as a checkpoint that [cyan]irg generate --model[/cyan] loads.

    Adapters are merged, and everything else that a checkpoint needs comes along. With --adapters they alone
    are written; the folder is loaded like any checkpoint, and names the one underneath. An earlier export in
    the same place is replaced.
    """
    import torch

    from irg.run.export import Choice, Weights, export_adapters, export_run, newest
    from irg.run.loop import CHECKPOINTS
    from irg.train.recipes import read_recipe
    from irg.train.settings import TrainRecipe

    recipe = read_recipe(run / "unified.yaml", [])
    if not isinstance(recipe, TrainRecipe):
        raise ValueError(f"{run / 'unified.yaml'} is a recipe of kind {recipe.kind}, expected unified")
    states = run / CHECKPOINTS
    step = newest(states) if step is None else step
    usual = f"step-{step:08d}-{weights}-{dtype}"
    if adapters and file is not None:
        raise ValueError("--file names a whole checkpoint's weights: adapters have a name of their own")
    usual = f"{usual}-adapters" if adapters else f"{usual}-{Path(file).stem}" if file else usual
    folder = folder or run / "exported" / usual
    choice = Choice(step, Weights(weights), getattr(torch, dtype), file)
    written = (export_adapters if adapters else export_run)(recipe, states, folder, choice)
    out.print(f"exported: {written}", soft_wrap=True)
