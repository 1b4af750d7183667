"""`irg bench speed`: how fast episodes are on this machine."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from irg.cli.options import AsJson, Device, Dtype, option
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from irg.bench.speed.lookup import LookedUp

EXAMPLES = """[bold]Examples[/bold]
  irg bench speed --preset mid --out speed
  irg bench speed --preset bagel_7b --layers 4 --dtype bfloat16
  irg bench speed --json > before.json
  irg bench speed --compare before.json after.json
  irg bench speed --cheaper --prompts 300"""

_PRESET, _EPISODES, _PROMPTS = "mid", 3, 120
_MOST_WRITTEN = 24
"""Prompts whose texts are written one by one."""
_model, _episode = (partial(option, panel=panel) for panel in ("Model", "Episode"))


def speed(
    preset: Annotated[
        Literal["bagel_7b", "mid", "embedded", "tiny"], _model("Sizes of the model. Its weights are random.")
    ] = _PRESET,
    layers: Annotated[
        int | None, _model("Decoder layers, where all do not fit. Default: all.", metavar="L", least=1)
    ] = None,
    side: Annotated[
        int | None, _episode("Pixels per side of the pictures. Default: the preset's.", metavar="N", least=1)
    ] = None,
    thought_tokens: Annotated[
        int | None, _episode("Of each thought. Default: the preset's.", metavar="N", least=1)
    ] = None,
    points: Annotated[
        int | None,
        _episode("Time points of drawing. Default: the preset's.", metavar="N", least=2, most=1000),
    ] = None,
    episodes: Annotated[int, _episode("Measured; medians count.", metavar="N", least=1)] = _EPISODES,
    threads: Annotated[int, option("Of a CPU.", metavar="N", least=1)] = 1,
    folder: Annotated[
        Path | None, option("Folder for speed.json, with all details, and speed.png.", "--out")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        option("Show two runs beside each other, and measure nothing.", metavar="BEFORE AFTER"),
    ] = None,
    cheaper: Annotated[
        bool,
        option("Measure what drawing more cheaply saves, and what it costs on the scene benchmark, instead."),
    ] = False,
    prompts: Annotated[
        int | None, option(f"For --cheaper. Default: {_PROMPTS}.", metavar="N", least=1)
    ] = None,
    as_json: AsJson = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Measure an episode of two turns, phase by phase, against what this machine reached in the same run.

    Text is compared with the time of reading the weights and caches that every token needs, drawing with
    that of bare products of matrices; 1 is perfect. Calls of kernels are counted, and scaled to 28 layers.
    """
    from irg.bench.speed.report import compared, read_run

    if instead := "--compare" if compare is not None else "--cheaper" if cheaper else None:
        asked = {
            "--preset": preset != _PRESET,
            "--layers": layers is not None,
            "--side": side is not None,
            "--thought-tokens": thought_tokens is not None,
            "--points": points is not None,
            "--episodes": episodes != _EPISODES,
            "--out": folder is not None,
            "--cheaper": cheaper and instead == "--compare",
        }
        if unread := [name for name, given in asked.items() if given]:
            raise typer.BadParameter(f"not for {instead}", param_hint=" and ".join(unread))
    if prompts is not None and instead != "--cheaper":
        raise typer.BadParameter("it is for --cheaper alone", param_hint="--prompts")
    if compare is not None:
        pairs = compared(*map(read_run, compare))
        if as_json:
            print_json({name: {"before": before, "after": after} for name, before, after in pairs})
        else:
            out.print(_comparison(pairs))
        return
    import torch

    from irg.bench.speed.measure import measure
    from irg.bench.speed.report import details, plot, summary, write
    from irg.bench.speed.workload import EpisodeWorkload
    from irg.cli.output import make_writable
    from irg.model.device import usable_device, usual_dtype

    place = usable_device(device)
    torch.set_num_threads(threads)
    if folder is not None:
        make_writable(folder)
    console = err if as_json else out
    if cheaper:
        _cheaper(console, prompts or _PROMPTS, place, dtype, as_json)
        return
    with console.status("") as status, torch.inference_mode():
        found = measure(
            EpisodeWorkload(preset, layers, side, thought_tokens, points),
            place,
            getattr(torch, dtype) if dtype else usual_dtype(place),
            episodes,
            lambda step: status.update(f"{preset}: {step} ..."),
        )
    if folder is not None:
        write(details(found), folder / "speed.json")
        plot(found, folder / "speed.png")
    if as_json:
        print_json(summary(found))
    else:
        _show(details(found))


def _cheaper(
    console: "Console", prompts: int, place: "torch.device", dtype: str | None, as_json: bool
) -> None:
    """The embedded model, whose pictures the scene benchmark can judge."""
    import torch

    from irg.bench.scene.items import SceneOptions
    from irg.bench.speed.cheaper import difference, measure_cheaper
    from irg.bench.speed.lookup import measure_lookup
    from irg.pipeline import load_pipeline

    pipeline = load_pipeline(None, place, getattr(torch, dtype) if dtype else None)
    with console.status("") as status:
        found = measure_cheaper(
            pipeline, SceneOptions(prompts, batch=16), place, lambda step: status.update(f"{step} ...")
        )
        looked_up = measure_lookup(
            pipeline,
            SceneOptions(min(prompts, _MOST_WRITTEN)),
            place,
            lambda step: status.update(f"{step} ..."),
        )
    exact = found[0]
    table = Table(
        "", "evaluations", "s a picture", "faster", "score", "difference, 95%", title="cheaper by choice"
    )
    rows = []
    for way in found:
        mean, low, high = difference(exact, way)
        faster = exact.seconds / way.seconds
        rows.append(
            {
                "options": way.options,
                "evaluations": way.evaluations,
                "seconds": way.seconds,
                "faster": faster,
                "score": way.score,
                "difference": {"value": mean, "low": low, "high": high},
            }
        )
        table.add_row(
            way.options,
            f"{way.evaluations:g}",
            f"{way.seconds:.4f}",
            f"{faster:.2f}",
            f"{way.score:.3f}",
            "" if way is exact else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})",
        )
    texts = _texts(looked_up)
    if as_json:
        print_json({"prompts": prompts, "cheaper": rows, "lookup": texts})
        return
    out.print(table)
    written = Table(
        "", "first texts, s", "faster", "reflections, s", "faster", "same", title="texts looked up"
    )
    for row in texts:
        first, later = row["first"], row["reflections"]
        written.add_row(
            row["options"],
            f"{first['seconds']:.3f}",
            f"{first['faster']:.2f}",
            f"{later['seconds']:.3f}",
            f"{later['faster']:.2f}",
            f"{row['same']:.0%}",
        )
    out.print(written)


def _texts(ways: "list[LookedUp]") -> list[dict[str, Any]]:
    """How long texts took by each way, the exact one first, and how many are the same."""
    from irg.bench.speed.lookup import same

    exact = ways[0]
    return [
        {"options": way.options, "same": same(exact, way)}
        | {
            name: {"seconds": seconds, "faster": usual / seconds}
            for name, usual, seconds in zip(("first", "reflections"), exact.seconds, way.seconds, strict=True)
        }
        for way in ways
    ]


def _show(found: dict[str, Any]) -> None:
    from irg.bench.speed.report import rows

    load, machine = found["workload"], found["machine"]
    usual = load["usual"]
    layers = f", {load['layers']} layers" if load["layers"] else ""
    title = (
        f"{load['preset']}{layers}, {found['dtype']}, "
        f"{usual['side']} pixels, {usual['points']} points, thoughts of {usual['thought_tokens']}, "
        f"on {found['device']}"
    )
    table = Table("phase", "wall s", "CPU s", "tokens/s", "of FLOP/s", "of bytes/s", title=title)
    for row in rows(found):
        table.add_row(*row)
    out.print(table)
    for name, value in (
        ("text, times its limit", f"{found['of_limit']['text']:.2f}"),
        ("drawing, times its limit", f"{found['of_limit']['drawing']:.2f}"),
        ("kernels a token, at 28 layers", f"{found['kernel_calls']['per_token']:,.0f}"),
        ("kernels a step of three branches", f"{found['kernel_calls']['per_step']:,.0f}"),
        ("peak memory", f"{found['peak_bytes'] / 2**30:,.2f} GiB"),
        ("best products here", f"{machine['flops_per_second'] / 1e9:,.0f} GFLOP/s"),
        ("best reading here", f"{machine['bytes_per_second'] / 1e9:,.1f} GB/s"),
    ):
        out.print(f"{name:34}{value}")


def _comparison(pairs: list[tuple[str, float, float]]) -> Table:
    table = Table("", "before", "after", "after / before")
    for name, before, after in pairs:
        ratio = f"{after / before:.3f}" if before else ""
        table.add_row(name, f"{before:,.4g}", f"{after:,.4g}", ratio)
    return table
