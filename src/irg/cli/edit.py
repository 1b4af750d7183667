"""`irg edit`: a picture, changed as an instruction says."""

import hashlib
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from irg.cli.by_plan import PlanChoice
from irg.cli.options import ModelChoice, Out, Overrides, Seed, Telling, check_text, default_folder, option
from irg.cli.order import tell_duration
from irg.cli.output import EpisodeFolder, report
from irg.cli.processes import Shared, crew

EXAMPLES = """[bold]Examples[/bold]
  irg edit runs/x/turn2.png "make the square top-right yellow"
  irg edit photo.jpg "make it snow" --out runs/snow --size 768x512 --model path/to/checkpoint"""


def edit(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP, ...")],
    instruction: Annotated[str, typer.Argument(help="What to change.")],
    by_plan: PlanChoice,
    overrides: Overrides,
    telling: Telling,
    choice: ModelChoice,
    think: Annotated[
        bool | None,
        option(
            "Write a thought before drawing. Default: as the checkpoint was trained.", "--think/--no-think"
        ),
    ] = None,
    size: Annotated[
        str | None,
        option(
            "Of the result, in pixels. Default: the picture's, as the model reads it.", metavar="WIDTHxHEIGHT"
        ),
    ] = None,
    parallel: Shared = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Draw a picture anew with a change.

    The picture is resized to what the model reads, and the result has that size unless --size says otherwise.
    """
    check_text(instruction, "instruction")
    from irg.core.reading import read_image
    from irg.pipeline import Plan
    from irg.pipeline.plans import StepPlan

    picture = read_image(image)
    settings = choice.checkpoint.settings
    plan: Plan | StepPlan
    if (steps := by_plan.steps(settings)) is not None:
        if think is not None:
            raise ValueError("--think or --no-think beside a plan of steps, which says what is written")
        plan = steps if size is None else steps.with_size(*_pixels(size))
    else:
        if by_plan.stop_when_right is not None:
            raise ValueError("--stop-when-right without --plan: an edit has no reflection that could stop it")
        pixels = settings.clean.size(*picture.size) if size is None else _pixels(size)
        plan = settings.edit_plan(*pixels, think)
    plan = overrides.apply(plan)
    by_plan.check_pictures(plan, num_given=1)
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
            tell_duration(choice, plan, telling.console)
            events = choice.load(telling.console, us.team).edit(picture, instruction, plan, seed)
            trace = record(events, episode_folder, lambda image: None, telling.console)
    report(folder, trace, telling)


def _pixels(size: str) -> tuple[int, int]:
    if (found := re.fullmatch(r"(\d{1,5})x(\d{1,5})", size)) is None:
        raise ValueError(f"size {size!r}: expected WIDTHxHEIGHT in pixels, such as 512x384")
    return int(found[1]), int(found[2])
