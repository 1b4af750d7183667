"""`irg info`: what a checkpoint is, without loading its weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from irg.cli.options import Device, ModelName, option
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    from irg.cli.description import Description

EXAMPLES = """[bold]Examples[/bold]
  irg info
  irg info path/to/checkpoint --json
  irg info path/to/checkpoint/ema_bf16.safetensors
  [dim]# how to hold it in a GPU of 16 GB[/dim]
  irg info path/to/checkpoint --fit --memory 16
  [dim]# from the hub: fetches the configuration, not the weights[/dim]
  irg info ByteDance-Seed/BAGEL-7B-MoT

Exit codes: 0 a whole checkpoint, 2 a folder that is none, or one whose
weights are missing, broken or of other shapes."""
_MOST_PROBLEMS = 20


def info(
    checkpoint: Annotated[
        str | None,
        typer.Argument(metavar="[FOLDER|HUB_ID]", help="The checkpoint. Default: the embedded model."),
    ] = None,
    model: ModelName = None,
    as_json: Annotated[bool, option("Print it as JSON.", "--json")] = False,
    fit: Annotated[
        bool,
        option("Say how it has to be held to run on this device, and which options of irg generate do so."),
    ] = False,
    memory: Annotated[
        float | None, option("GB of another device, for --fit.", metavar="GB", least=0.1)
    ] = None,
    device: Device = None,
) -> None:
    """Show what is inside a checkpoint, without loading it.

    Sizes, parameters by part, files, memory, settings and measured scores.
    """
    from irg.cli.description import describe

    if checkpoint is not None and model is not None:
        raise ValueError(f"{checkpoint} and --model {model} are two checkpoints: expected one")
    checkpoint = checkpoint if model is None else model
    if not fit and (memory is not None or device is not None):
        raise typer.BadParameter("it is for --fit alone", param_hint="--memory and --device")
    description = describe(checkpoint)
    found = _fitting(description, memory, device) if fit else None
    if as_json:
        print_json(description.as_json() | ({"fit": found} if found else {}))
    elif found:
        _show_fit(description, found)
    else:
        _show(description)
    is_local = checkpoint is None or Path(checkpoint).exists()
    if description.problems and not (description.files or is_local):
        err.print("the weights are not on this machine yet; running the model downloads them", style="dim")
    elif description.problems:
        listed = "\n  ".join(description.problems[:_MOST_PROBLEMS])
        more = len(description.problems) - _MOST_PROBLEMS
        listed += f"\n  and {more} more (--json lists all)" if more > 0 else ""
        raise ValueError(f"this checkpoint cannot be loaded:\n  {listed}")


def _show(description: "Description") -> None:
    out.print(Text.assemble((description.name, "bold"), (f"  {description.folder}", "dim")), soft_wrap=True)
    for title, rows in (
        ("architecture", _architecture(description)),
        ("parameters", _parameters(description)),
        ("files", _files(description)),
        ("memory in bfloat16", _memory(description)),
        ("settings", _settings(description)),
        ("measured", list(_flat(description.settings.scores))),
    ):
        if rows:
            out.print(Text(f"\n{title}", "bold cyan"))
            out.print(_grid(rows))


def _fitting(description: "Description", memory: float | None, device: str | None) -> dict[str, Any]:
    """Every way to hold the checkpoint, and the options of the first that fits (None: none does)."""
    from dataclasses import asdict

    from irg.model.device import usable_device, usual_dtype
    from irg.pipeline.fit import memory_of, memory_of_process, picked, ways

    place = usable_device(device)
    # What is asked for another device is asked for a GPU.
    size = 2 if memory is not None else usual_dtype(place).itemsize
    room = memory_of(place) if memory is None else round(memory * 1e9)
    process = memory_of_process(place) if memory is None else 0
    found = ways(description.config, description.settings, size, process)
    first = picked(found, room)
    return {
        "memory": room,
        "ways": [
            asdict(way) | {"total": way.total, "fits": way.total <= room, "options": way.options}
            for way in found
        ],
        "picked": None if first is None else first.options,
    }


def _show_fit(description: "Description", found: dict[str, Any]) -> None:
    room = _bytes(found["memory"])
    table = Table("", "weights", "context", "working", "in all", "", title=f"{description.name} in {room}")
    for way in found["ways"]:
        sizes = (_bytes(way[name]) for name in ("weights", "context", "working", "total"))
        table.add_row(way["options"] or "as it is", *sizes, "fits" if way["fits"] else "")
    out.print(table)
    if found["picked"] is None:
        out.print("nothing fits: smaller pictures and shorter thoughts need less")
    else:
        out.print(f"irg generate ... --model {description.name} {found['picked']}".rstrip(), soft_wrap=True)


def _grid(rows: list[tuple[str, ...]]) -> Table:
    """Columns without lines; all but the first and the last to the right."""
    grid = Table.grid(padding=(0, 2))
    for place in range(max(map(len, rows))):
        grid.add_column(justify="right" if 0 < place < len(rows[0]) - 1 else "left")
    for name, *cells in rows:
        grid.add_row(Text(f"  {name}", "dim"), *map(Text, cells))
    return grid


def _architecture(description: "Description") -> list[tuple[str, ...]]:
    config = description.config
    decoder, vision, autoencoder = config.decoder, config.vision, config.autoencoder
    pixels = config.latent_side * config.pixels_per_latent
    return [
        (
            "decoder",
            f"{decoder.num_layers} layers of two experts, width {decoder.width}, MLP {decoder.mlp_width}",
        ),
        ("", f"{decoder.num_heads} heads, {decoder.num_kv_heads} for keys and values"),
        ("", f"{decoder.vocabulary:,} tokens"),
        ("vision", f"{vision.num_layers} layers, width {vision.width}, MLP {vision.mlp_width}"),
        ("", f"{vision.num_heads} heads"),
        ("", f"patches of {vision.patch} pixels, up to {vision.side} a side"),
        ("autoencoder", f"{autoencoder.kind}, widths {', '.join(map(str, autoencoder.channels))}"),
        ("", f"{autoencoder.latent_channels} channels, {autoencoder.downsample} pixels a cell"),
        ("image tokens", f"{config.latent_values} values, {config.pixels_per_latent} pixels a side"),
        ("", f"up to {config.latent_side} tokens ({pixels} pixels) a side"),
    ]


def _parameters(description: "Description") -> list[tuple[str, ...]]:
    total = description.num_parameters
    rows = [(part, f"{count:,}", f"{count / total:.1%}") for part, count in description.parameters.items()]
    return [*rows, ("total", f"{total:,}", "")]


def _files(description: "Description") -> list[tuple[str, ...]]:
    return [
        (file.name, _bytes(file.num_bytes), f"{file.num_tensors} tensors", ", ".join(file.values))
        for file in description.files
    ]


def _memory(description: "Description") -> list[tuple[str, ...]]:
    episode = description.bytes_per_token * description.episode_tokens
    return [
        ("weights", _bytes(description.weight_bytes), ""),
        ("context", _bytes(description.bytes_per_token), "a token"),
        ("context", _bytes(episode), f"for two turns of {description.episode_tokens:,} tokens at most"),
    ]


def _settings(description: "Description") -> list[tuple[str, ...]]:
    settings = description.settings
    rows = [
        ("picture", f"{settings.width} x {settings.height} pixels, {settings.num_points} time points"),
        ("thoughts", f"temperature {settings.temperature}, up to {settings.max_thought_tokens} tokens"),
        ("prompt", f"up to {settings.max_prompt_tokens} tokens"),
        ("world", f"{settings.world} only" if settings.world else "open"),
    ]
    for name in ("first", "later", "edit"):
        guidance = getattr(settings, name)
        low, high = guidance.interval
        scales = f"text {guidance.text_scale}, image {guidance.image_scale}"
        rows.append((f"guidance, {name}", f"{scales}, times {low} to {high}, renorm {guidance.renorm}"))
    return rows


def _flat(scores: dict[str, Any], above: str = "") -> list[tuple[str, ...]]:
    """Nested scores as rows of dotted names."""
    rows: list[tuple[str, ...]] = []
    for name, value in scores.items():
        below = f"{above}{name}"
        rows += _flat(value, f"{below}.") if isinstance(value, dict) else [(below, str(value))]
    return rows


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"
