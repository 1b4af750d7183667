"""`irg edit`: a picture, changed as an instruction says."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from irg.cli.options import ModelChoice, Out, Overrides, Seed, Telling, check_text, default_folder, option
from irg.cli.output import EpisodeFolder, report
from irg.cli.processes import Shared, crew

EXAMPLES = """[bold]Examples[/bold]
  irg edit runs/x/turn2.png "make the square top-right yellow"
  irg edit photo.jpg "make it snow" --out runs/snow --model path/to/checkpoint"""


def edit(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP, ...")],
    instruction: Annotated[str, typer.Argument(help="What to change.")],
    overrides: Overrides,
    telling: Telling,
    choice: ModelChoice,
    think: Annotated[
        bool | None,
        option(
            "Write a thought before drawing. Default: as the checkpoint was trained.", "--think/--no-think"
        ),
    ] = None,
    parallel: Shared = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Draw a picture anew with a change.

    The picture is resized to what the model reads, and the result has that size.
    """
    check_text(instruction, "instruction")
    from irg.core.reading import read_image

    picture = read_image(image)
    settings = choice.checkpoint.settings
    plan = overrides.apply(settings.edit_plan(*settings.clean.size(*picture.size), think))
    source = hashlib.sha256(picture.tobytes()).hexdigest()
    folder = out or default_folder(instruction, seed, source, choice.deciding(plan))
    with crew(choice.device, parallel, is_one=True) as us:
        if us.follows:
            for _ in choice.load(Console(quiet=True), us.team).edit(picture, instruction, plan, seed):
                pass
            return
        with EpisodeFolder(folder) as episode_folder:
            from irg.cli.episode import record

            choice.check(plan)
            events = choice.load(telling.console, us.team).edit(picture, instruction, plan, seed)
            trace = record(events, episode_folder, lambda image: None, telling.console)
    report(folder, trace, telling)
