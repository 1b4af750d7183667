"""`irg bench speed`: how fast episodes are on this machine."""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from irg.cli.options import AsJson, Device, Dtype, option, with_groups
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from irg.bench.speed.cheaper import Cheaper
    from irg.bench.speed.lookup import LookedUp
    from irg.bench.speed.workload import EpisodeWorkload
    from irg.pipeline import Pipeline

EXAMPLES = """[bold]Examples[/bold]
  irg bench speed --preset mid --out speed
  irg bench speed --preset bagel_7b --layers 4 --dtype bfloat16
  irg bench speed --json > before.json
  irg bench speed --compare before.json after.json
  irg bench speed --cheaper --prompts 300
  irg bench speed --preset bagel_7b --dtype bfloat16 --weights fp8_matmul --every 3"""

_PRESET, _EPISODES, _PROMPTS = "mid", 3, 120
_MOST_WRITTEN = 24
"""Prompts whose texts are written one by one."""
_model, _episode = (partial(option, panel=panel) for panel in ("Model", "Episode"))


@dataclass(frozen=True)
class SpeedWork:
    """The model, and the episode that is measured."""

    preset: Annotated[
        Literal["bagel_7b", "mid", "embedded", "tiny"], _model("Sizes of the model. Its weights are random.")
    ] = _PRESET
    layers: Annotated[
        int | None, _model("Decoder layers, where all do not fit. Default: all.", metavar="L", least=1)
    ] = None
    weights: Annotated[
        Literal["int8", "fp8", "fp8_matmul", "nf4"] | None,
        _model("How the experts' projections are held. Default: in the type of the arithmetic."),
    ] = None
    compiled: Annotated[bool, _model("Compile steps, which are graphs on a GPU, before measuring.")] = False
    side: Annotated[
        int | None, _episode("Pixels per side of the pictures. Default: the preset's.", metavar="N", least=1)
    ] = None
    thought_tokens: Annotated[
        int | None, _episode("Of each thought. Default: the preset's.", metavar="N", least=1)
    ] = None
    points: Annotated[
        int | None,
        _episode("Time points of drawing. Default: the preset's.", metavar="N", least=2, most=1000),
    ] = None
    every: Annotated[
        int, _episode("Steps for each evaluation of the model.", metavar="N", least=1, most=16)
    ] = 1
    episodes: Annotated[int, _episode("Measured; medians count.", metavar="N", least=1)] = _EPISODES

    @property
    def given(self) -> dict[str, bool]:
        """By option whether it is not the default."""
        return {
            f"--{one.name.replace('_', '-')}": getattr(self, one.name) != one.default for one in fields(self)
        }

    def workload(self) -> "EpisodeWorkload":
        from irg.bench.speed.workload import EpisodeWorkload
        from irg.model.low_bit import Quantize

        return EpisodeWorkload(
            self.preset,
            self.layers,
            self.side,
            self.thought_tokens,
            self.points,
            weights=Quantize(self.weights or Quantize.NONE),
            every=self.every,
            compiled=self.compiled,
        )


@with_groups
def speed(
    work: SpeedWork,
    *,
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
    guidance: Annotated[
        float | None,
        option("For --cheaper: text guidance of this scale. Default: the model's own plan.", metavar="S"),
    ] = None,
    as_json: AsJson = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Measure an episode of two turns, phase by phase, against what this machine reached in the same run.

    Text is compared with the time of reading the weights and caches that every token needs, drawing with
    that of bare products of matrices; 1 is perfect. Calls of kernels are counted, and scaled to 28 layers.
    """
    given = work.given | {"--out": folder is not None}
    if compare is not None:
        machine = {"--threads": threads != 1, "--device": device is not None, "--dtype": dtype is not None}
        _refuse(given | machine | {"--cheaper": cheaper}, "not for --compare")
    elif cheaper:
        _refuse(given, "not for --cheaper")
    if compare is not None or not cheaper:
        asked = {"--prompts": prompts is not None, "--guidance": guidance is not None}
        _refuse(asked, "it is for --cheaper alone")
    if compare is not None:
        _compare(*compare, as_json)
        return
    import torch

    from irg.cli.output import make_writable
    from irg.model.device import usable_device
    from irg.pipeline import load_pipeline

    place = usable_device(device)
    torch.set_num_threads(threads)
    if folder is not None:
        make_writable(folder)
    console = err if as_json else out
    if cheaper:
        pipeline = load_pipeline(None, place, getattr(torch, dtype) if dtype else None)
        _cheaper(console, pipeline, prompts or _PROMPTS, guidance, as_json)
        return
    _measure(work, (place, dtype), folder, as_json)


def _refuse(given: dict[str, bool], said: str) -> None:
    """The options that are given, which nothing reads then."""
    if unread := [name for name, is_given in given.items() if is_given]:
        raise typer.BadParameter(said, param_hint=" and ".join(unread))


def _compare(before: Path, after: Path, as_json: bool) -> None:
    from irg.bench.speed.report import compared, read_run

    pairs = compared(read_run(before), read_run(after))
    if as_json:
        print_json({name: {"before": old, "after": new} for name, old, new in pairs})
        return
    table = Table("", "before", "after", "after / before")
    for name, old, new in pairs:
        table.add_row(name, f"{old:,.4g}", f"{new:,.4g}", f"{new / old:.3f}" if old else "")
    out.print(table)


def _measure(
    work: SpeedWork, where: "tuple[torch.device, str | None]", folder: Path | None, as_json: bool
) -> None:
    import torch

    from irg.bench.speed.measure import measure
    from irg.bench.speed.report import details, plot, summary, write
    from irg.model.device import usual_dtype

    place, name = where
    dtype = getattr(torch, name) if name else usual_dtype(place)
    with (err if as_json else out).status("") as status, torch.inference_mode():
        found = measure(
            work.workload(),
            place,
            dtype,
            work.episodes,
            lambda step: status.update(f"{work.preset}: {step} ..."),
        )
    if folder is not None:
        write(details(found), folder / "speed.json")
        plot(found, folder / "speed.png")
    if as_json:
        print_json(summary(found))
    else:
        _show(details(found))


def _cheaper(
    console: "Console", pipeline: "Pipeline", prompts: int, guidance: float | None, as_json: bool
) -> None:
    """Of the embedded model, whose pictures the scene benchmark can judge."""
    from irg.bench.scene.items import SceneOptions
    from irg.bench.speed.cheaper import best, guided, left_out, measure_cheaper
    from irg.bench.speed.lookup import measure_lookup

    options, plan = SceneOptions(prompts, batch=16), pipeline.settings.plan()
    plan = plan if guidance is None else guided(plan, guidance)
    device = pipeline.parts.model.device
    with console.status("") as status:

        def tell(step: str) -> None:
            status.update(f"{step} ...")

        found = measure_cheaper(pipeline, plan, options, device, tell)
        looked_up = measure_lookup(pipeline, SceneOptions(min(prompts, _MOST_WRITTEN)), device, tell)
    for reason in left_out(device, pipeline.parts.model.dtype).values():
        err.print(f"left out: {reason}", markup=False, soft_wrap=True)
    exact, chosen = found[0], best(found)
    pictures, texts = _pictures(found), _texts(looked_up)
    if as_json:
        print_json(
            {
                "prompts": prompts,
                "guidance": guidance,
                "cheaper": pictures,
                "best": chosen.options,
                "lookup": texts,
            }
        )
        return
    out.print(_table_of_pictures(pictures))
    faster = exact.seconds / chosen.seconds
    out.print(f"at most a point lower: {chosen.options}, {faster:.1f} times as fast as exact")
    out.print(_table_of_texts(texts))


def _pictures(ways: "list[Cheaper]") -> list[dict[str, Any]]:
    """What came of each way to draw, the exact one first."""
    from irg.bench.speed.cheaper import difference

    exact, found = ways[0], []
    for way in ways:
        mean, low, high = difference(exact, way)
        found.append(
            {
                "options": way.options,
                "evaluations": way.evaluations,
                "seconds": way.seconds,
                "faster": exact.seconds / way.seconds,
                "score": way.score,
                "difference": {"value": mean, "low": low, "high": high},
            }
        )
    return found


def _table_of_pictures(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        "", "evaluations", "s a picture", "faster", "score", "difference, 95%", title="cheaper by choice"
    )
    for row in rows:
        difference = row["difference"]
        table.add_row(
            row["options"],
            f"{row['evaluations']:g}",
            f"{row['seconds']:.4f}",
            f"{row['faster']:.2f}",
            f"{row['score']:.3f}",
            ""
            if row is rows[0]
            else f"{difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})",
        )
    return table


def _table_of_texts(rows: list[dict[str, Any]]) -> Table:
    table = Table("", "first texts, s", "faster", "reflections, s", "faster", "same", title="texts looked up")
    for row in rows:
        first, later = row["first"], row["reflections"]
        table.add_row(
            row["options"],
            f"{first['seconds']:.3f}",
            f"{first['faster']:.2f}",
            f"{later['seconds']:.3f}",
            f"{later['faster']:.2f}",
            f"{row['same']:.0%}",
        )
    return table


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
    held = "" if load["weights"] == "none" else f", weights in {load['weights']}"
    carried = "" if load["every"] == 1 else f", the model at every {load['every']} steps"
    title = (
        f"{load['preset']}{layers}, {found['dtype']}{held}{carried}, "
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
        ("the same, of weights laid out", f"{found['drawing_of_laid_out']:.2f}"),
        ("kernels a token, at 28 layers", f"{found['kernel_calls']['per_token']:,.0f}"),
        ("kernels a step of three branches", f"{found['kernel_calls']['per_step']:,.0f}"),
        ("peak memory", f"{found['peak_bytes'] / 2**30:,.2f} GiB"),
        ("peak memory, planned", f"{found['planned_bytes'] / 2**30:,.2f} GiB"),
        ("best products here", f"{machine['flops_per_second'] / 1e9:,.0f} GFLOP/s"),
        ("best reading here", f"{machine['bytes_per_second'] / 1e9:,.1f} GB/s"),
    ):
        out.print(f"{name:34}{value}")
