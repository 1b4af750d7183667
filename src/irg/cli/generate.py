"""`irg generate`: prompt -> thought -> image -> reflection -> better image."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.console import choose_console, print_json
from irg.cli.console import out as stdout
from irg.cli.options import (
    AsJson,
    Device,
    Dtype,
    MaxThoughtTokens,
    ModelChoice,
    ModelName,
    Out,
    Overrides,
    Pixels,
    Points,
    PreviewEvery,
    Quiet,
    Seed,
    Temperature,
    check_text,
    default_folder,
)
from irg.cli.order import Order, draw
from irg.cli.output import EpisodeFolder, report

EXAMPLES = """[bold]Examples[/bold]
  irg generate "a green star above a yellow circle"
  irg generate "three pink hearts" --turns 3 --seed 7 --out runs/hearts
  [dim]# one thought and one image; then an image without a thought[/dim]
  irg generate "a large green star" --turns 1
  irg generate "a large green star" --turns 1 --no-think
  [dim]# many prompts; run it again to go on where it stopped[/dim]
  irg generate --prompts prompts.txt --out runs/many
  [dim]# any prompt, with a real checkpoint[/dim]
  irg generate "a fox in the snow" --model ByteDance-Seed/BAGEL-7B-MoT

Exit codes: 0 done, 1 some prompts of a file failed, 2 wrong input,
130 interrupted."""


def register(app: typer.Typer) -> None:
    app.command("generate", epilog=EXAMPLES)(generate)


def generate(
    prompt: Annotated[str | None, typer.Argument(help="What to draw.", show_default=False)] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw each line of a text file, into OUT/0000, OUT/0001, ... with seeds that count up from "
            "--seed. What is there already is not drawn again.",
            show_default=False,
        ),
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="Images to draw, each better than the one before.")] = 2,
    think: Annotated[bool, typer.Option(help="Write a thought before each image.")] = True,
    seed: Seed = 0,
    width: Pixels = None,
    height: Pixels = None,
    points: Points = None,
    temperature: Temperature = None,
    max_thought_tokens: MaxThoughtTokens = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Draw what is outside the model's world.", rich_help_panel="Drawing"),
    ] = False,
    out: Out = None,
    preview_every: PreviewEvery = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
    model: ModelName = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Think in words, draw, look at the picture, reflect, and draw it better.

    The folder then holds
      turn1.png, turn2.png, ...   the images
      strip.png                   everything in one picture
      index.html                  a page that needs nothing else
      trace.json                  all it takes to make the same again
    """
    if (prompt is None) == (prompts is None):
        raise typer.BadParameter("give either a PROMPT or --prompts FILE", param_hint="PROMPT")
    order = Order(
        ModelChoice(model, device, dtype),
        Overrides(points, temperature, max_thought_tokens, preview_every),
        turns,
        think,
        (width, height),
        force,
        choose_console(quiet, as_json),
    )
    if prompts is not None:
        _generate_many(order, prompts, seed, out or default_folder(prompts.stem, seed), as_json)
        return
    prompt = check_text(prompt or "", "prompt")
    folder = out or default_folder(prompt, seed)
    with EpisodeFolder(folder) as episode_folder:
        trace = draw(order, order.load([prompt]), prompt, seed, episode_folder)
    report(folder, trace, order.console, as_json)


def _generate_many(order: Order, file: Path, seed: int, folder: Path, as_json: bool) -> None:
    from irg.cli.batch import generate_file

    outcome = generate_file(order, file, seed, folder)
    if as_json:
        print_json(outcome.as_json())
    elif order.console.quiet:
        stdout.out(folder, highlight=False)
    if outcome.failed:
        raise typer.Exit(1)
