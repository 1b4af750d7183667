"""`irg edit`: a picture, changed as an instruction says."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.console import choose_console
from irg.cli.options import (
    AsJson,
    Device,
    Dtype,
    MaxThoughtTokens,
    ModelChoice,
    ModelName,
    Out,
    Overrides,
    Points,
    PreviewEvery,
    Quiet,
    Seed,
    Temperature,
    check_text,
    default_folder,
)
from irg.cli.output import EpisodeFolder, report

EXAMPLES = """[bold]Examples[/bold]
  irg edit runs/x/turn2.png "make the square top-right yellow"
  irg edit photo.jpg "make it snow" --out runs/snow --model path/to/checkpoint"""


def register(app: typer.Typer) -> None:
    app.command("edit", epilog=EXAMPLES)(edit)


def edit(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP, ...", show_default=False)],
    instruction: Annotated[str, typer.Argument(help="What to change.", show_default=False)],
    think: Annotated[
        bool | None,
        typer.Option(
            "--think/--no-think",
            help="Write a thought before drawing. Default: as the checkpoint was trained.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    points: Points = None,
    temperature: Temperature = None,
    max_thought_tokens: MaxThoughtTokens = None,
    out: Out = None,
    preview_every: PreviewEvery = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
    model: ModelName = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Draw a picture anew with a change.

    The picture is resized to what the model reads, and the result has that size.
    """
    check_text(instruction, "instruction")
    console = choose_console(quiet, as_json)
    choice = ModelChoice(model, device, dtype)
    overrides = Overrides(points, temperature, max_thought_tokens, preview_every, think)
    folder = out or default_folder(instruction, seed)
    with EpisodeFolder(folder) as episode_folder:
        from irg.cli.episode import record, unjudged
        from irg.prep import open_image

        picture = open_image(image)
        settings = choice.settings()
        plan = overrides.apply(settings.edit_plan(*settings.clean.size(*picture.size)))
        choice.check(plan)
        pipeline = choice.load(console)
        events = pipeline.edit(picture, instruction, plan, seed)
        trace = record(events, episode_folder, unjudged, console)
    report(folder, trace, console, as_json)
