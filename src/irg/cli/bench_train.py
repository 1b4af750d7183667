"""`irg bench train`: how fast training is on this machine."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.table import Table

from irg.cli.options import AsJson, Device, TrainingDtype, option
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    from irg.train.measure import TrainBench, TrainMeasurement

EXAMPLES = """[bold]Examples[/bold]
  irg bench train --layers 14 --checkpointing full
  irg bench train --preset embedded
  irg bench train --layers 4 --profile kernels.txt --json > speed.json
  [dim]# eight processes that share the model[/dim]
  torchrun --nproc-per-node 8 -m irg bench train"""

_model, _rows, _step = (partial(option, panel=panel) for panel in ("Model", "Rows", "Step"))


def train(
    preset: Annotated[
        Literal["bagel_7b", "mid", "embedded", "tiny"], _model("Sizes of the model. Its weights are random.")
    ] = "bagel_7b",
    layers: Annotated[
        int | None, _model("Decoder layers, where all do not fit. Default: all.", metavar="L", least=1)
    ] = None,
    vision_layers: Annotated[
        int | None, _model("Layers of the vision tower. Default: all.", metavar="L", least=1)
    ] = None,
    tokens: Annotated[
        int | None,
        _rows(
            "Tokens of a row, per process. Default: 36,864 of bagel_7b, 8,192 of the others.",
            metavar="N",
            least=1,
        ),
    ] = None,
    image_side: Annotated[
        int | None,
        _rows(
            "Pixels per side of the images. Default: the most the model takes, up to 1024.",
            metavar="N",
            least=1,
        ),
    ] = None,
    thought_tokens: Annotated[int, _rows("Of a thought, give or take half.", metavar="N", least=1)] = 600,
    steps: Annotated[int, _step("Steps that are measured.", metavar="N", least=1)] = 10,
    optimizer: Annotated[Literal["adamw", "adamw8bit", "muon"], _step("What moves weights.")] = "adamw",
    checkpointing: Annotated[
        Literal["none", "selective", "full"], _step("Which activations are computed again.")
    ] = "none",
    compile: Annotated[
        bool | None,
        _step("Compile the decoder's layers. Default: on a GPU.", "--compile/--no-compile"),
    ] = None,
    profile: Annotated[Path | None, option("File for a table of what takes the time of one step.")] = None,
    as_json: AsJson = False,
    device: Device = None,
    dtype: TrainingDtype = None,
) -> None:
    """Measure training steps over packed rows of made-up documents: forward, backward, optimizer.

    Prints tokens and FLOP per second, the share of the device's limits (MFU), padding and memory. FLOPs are 6
    per parameter and token, and 12 * width * layers for every pair of tokens of a document.
    """
    import torch

    from irg.model.device import usable_device, usual_dtype
    from irg.run.optimizers import OptimizerKind
    from irg.run.parallel import Checkpointing
    from irg.train.measure import DocumentLengths, TrainBench, measure, usual_tokens

    place = usable_device(device)
    bfloat16 = usual_dtype(place) is torch.bfloat16 if dtype is None else dtype == "bfloat16"
    bench = TrainBench(
        preset=preset,
        layers=layers,
        vision_layers=vision_layers,
        tokens=tokens or usual_tokens(preset),
        steps=steps,
        lengths=DocumentLengths(thought=thought_tokens, side=image_side),
        optimizer=OptimizerKind(optimizer),
        checkpointing=Checkpointing(checkpointing),
        compile=place.type == "cuda" if compile is None else compile,
        bfloat16=bfloat16,
    )
    console = err if as_json else out
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
    least = found.work.flops / (found.peak or found.products)
    for row in (
        ("share of matrix products", f"{summary['share_of_matrix_products']:.1%}", "100%"),
        ("TFLOP/s", f"{summary['tflops']:,.4g}", limit),
        ("seconds per step", f"{summary['seconds']:,.4g}", f"{least:,.4g}"),
        *(
            (f"  {part}", f"{summary[f'{part}_seconds']:,.4g}")
            for part in ("forward", "backward", "optimizer")
        ),
        ("tokens/s", f"{summary['tokens_per_second']:,.0f}", f"{found.work.tokens / least:,.0f}"),
        ("samples/s", f"{summary['samples_per_second']:,.3g}"),
        ("padding", f"{summary['padding']:.2%}"),
        ("peak memory", f"{found.memory / 2**30:,.2f} GiB"),
        ("parameters", f"{found.parameters:,}"),
    ):
        table.add_row(*row)
    return table
