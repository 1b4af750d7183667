"""`irg bench train`: how fast training is on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from irg.cli.bench import bench_app
from irg.cli.console import choose_console, print_json
from irg.cli.options import AsJson, Device, Dtype

if TYPE_CHECKING:
    from irg.train.measure import TrainBench, TrainMeasurement

EXAMPLES = """[bold]Examples[/bold]
  irg bench train --layers 14 --checkpointing full
  irg bench train --preset embedded
  irg bench train --layers 4 --profile kernels.txt --json > speed.json
  [dim]# eight processes that share the model[/dim]
  torchrun --nproc-per-node 8 -m irg bench train"""

_MODEL, _ROWS, _STEP = "Model", "Rows", "Step"


def register(app: typer.Typer) -> None:
    """Add the command to `irg bench`, which must be in `app` already."""
    assert any(group.typer_instance is bench_app for group in app.registered_groups)
    bench_app.command("train", epilog=EXAMPLES)(train)


def train(
    preset: Annotated[
        Literal["bagel_7b", "mid", "embedded", "tiny"],
        typer.Option(help="Sizes of the model. Its weights are random.", rich_help_panel=_MODEL),
    ] = "bagel_7b",
    layers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="L",
            help="Decoder layers, where all do not fit. Default: all.",
            show_default=False,
            rich_help_panel=_MODEL,
        ),
    ] = None,
    vision_layers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="L",
            help="Layers of the vision tower. Default: all.",
            show_default=False,
            rich_help_panel=_MODEL,
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Tokens of a row, per process. Default: 36,864 of bagel_7b, 8,192 of the others.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    image_side: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Pixels per side of the images. Default: the most the model takes, up to 1024.",
            show_default=False,
            rich_help_panel=_ROWS,
        ),
    ] = None,
    thought_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of a thought, give or take half.", rich_help_panel=_ROWS)
    ] = 600,
    steps: Annotated[
        int, typer.Option(min=1, metavar="N", help="Steps that are measured.", rich_help_panel=_STEP)
    ] = 10,
    optimizer: Annotated[
        Literal["adamw", "adamw8bit", "muon"], typer.Option(rich_help_panel=_STEP, help="What moves weights.")
    ] = "adamw",
    checkpointing: Annotated[
        Literal["none", "selective", "full"],
        typer.Option(help="Which activations are computed again.", rich_help_panel=_STEP),
    ] = "none",
    compile: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            help="Compile the decoder's layers. Default: on a GPU.",
            show_default=False,
            rich_help_panel=_STEP,
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="File for a table of what takes the time of one step.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Measure training steps over packed rows of made-up documents: forward, backward, optimizer.

    Prints tokens and FLOP per second, the share of the device's limits (MFU), padding and memory. FLOPs are 6
    per parameter and token, and 12 * width * layers for every pair of tokens of a document.
    """
    import torch

    from irg.model.device import usual_device, usual_dtype
    from irg.run.optimizers import OptimizerKind
    from irg.run.parallel import Checkpointing
    from irg.train.measure import DocumentLengths, Preset, TrainBench, measure

    place = usual_device(device)
    bfloat16 = usual_dtype(place) is torch.bfloat16 if dtype is None else dtype == "bfloat16"
    bench = TrainBench(
        preset=Preset(preset),
        layers=layers,
        vision_layers=vision_layers,
        tokens=tokens or Preset(preset).usual_tokens,
        steps=steps,
        lengths=DocumentLengths(thought=thought_tokens, side=image_side),
        optimizer=OptimizerKind(optimizer),
        checkpointing=Checkpointing(checkpointing),
        compile=place.type == "cuda" if compile is None else compile,
        bfloat16=bfloat16,
    )
    console = choose_console(quiet=False, as_json=as_json)
    with console.status(f"{bench.steps} steps of {preset} ..."):
        found = measure(bench, device, profile)
    if found.rank > 0:
        return
    if as_json:
        print_json(found.summary())
    else:
        console.print(_table(bench, found))
        if profile is not None:
            console.print(f"what takes the time: {profile}")


def _table(bench: "TrainBench", found: "TrainMeasurement") -> Table:
    summary, config = found.summary(), bench.config()
    title = f"{bench.preset}, {config.decoder.num_layers} layers, rows of {bench.tokens:,} tokens"
    table = Table("", "measured", "limit", title=f"{title}, on {found.world} x {found.device}")
    limit = f"{summary['matrix_products_tflops']:,.4g} (matrix products alone)"
    if found.peak is not None:
        limit = f"{summary['limit_tflops']:,.4g} (published), {limit}"
        table.add_row("MFU", f"{summary['mfu']:.1%}", "100%")
    share = f"{summary['share_of_matrix_products']:.1%}"
    table.add_row("share of matrix products", share, "100%")
    least = found.work.flops / (found.peak or found.products)
    table.add_row("TFLOP/s", f"{summary['tflops']:,.4g}", limit)
    table.add_row("seconds per step", f"{summary['seconds']:,.4g}", f"{least:,.4g}")
    for part in ("forward", "backward", "optimizer"):
        table.add_row(f"  {part}", f"{summary[f'{part}_seconds']:,.4g}", "")
    table.add_row("tokens/s", f"{summary['tokens_per_second']:,.0f}", f"{found.work.tokens / least:,.0f}")
    table.add_row("samples/s", f"{summary['samples_per_second']:,.3g}", "")
    table.add_row("padding", f"{summary['padding']:.2%}", "")
    table.add_row("peak memory", f"{found.memory / 2**30:,.2f} GiB", "")
    table.add_row("parameters", f"{found.parameters:,}", "")
    return table
