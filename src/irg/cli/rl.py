"""`irg rl`: reinforcement learning over whole episodes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irg.cli.findings import print_table
from irg.cli.options import option
from irg.terminal import err, out

if TYPE_CHECKING:
    from irg.rl.settings import RlRecipe

EXAMPLES = """[bold]Examples[/bold]
  irg rl rl_embedded out=runs/rl
  irg rl rl_embedded learning.flow=2 rollouts.siblings=16 out=runs/both --dry-run
  [dim]# a reward of your own: a function in Python, or a service[/dim]
  irg rl rl_embedded 'rewards=[{kind: function, function: "mine:grade"}]' out=runs/mine
  [dim]# eight processes that share the model; run it again with --resume to go on where it stopped[/dim]
  torchrun --nproc-per-node 8 -m irg rl rl_bagel_1node init=runs/sft/checkpoint out=runs/rl --resume"""


def rl(
    recipe: Annotated[
        Path, typer.Argument(help="A YAML file, or the name of one that comes with irg (irg recipe list).")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE ...", help="What to change of the recipe, such as init=FOLDER."),
    ] = None,
    resume: Annotated[
        bool, option("Go on from the newest checkpoint in the run's folder, if any.", "--resume")
    ] = False,
    dry_run: Annotated[
        bool, option("Say what would be learned and what it takes, and stop.", "--dry-run")
    ] = False,
    processes: Annotated[
        int | None,
        option("With --dry-run: plan for so many processes, one per GPU. Default: 1.", metavar="N", least=1),
    ] = None,
) -> None:
    """Learn from rewards on whole episodes: think, draw, reflect, redraw.

    Groups of episodes go on from one first picture; what is better than its siblings becomes likelier. The
    recipe says where prompts come from, what grades pictures, and what learns: reflections, drawing or both.
    """
    from irg.rl.rewards import GradesLostError
    from irg.rl.run import learn, read_recipe
    from irg.run.loop import StoppedError

    chosen = read_recipe(recipe, overrides or [])
    is_first = int(os.environ.get("RANK", "0")) == 0
    if dry_run:
        if is_first:
            _show_plan(chosen, processes or int(os.environ.get("WORLD_SIZE", "1")))
        return
    if processes is not None:
        raise ValueError("--processes is for --dry-run; a run has those that torchrun starts")
    try:
        made = learn(chosen, resume)
    except KeyboardInterrupt:
        if is_first:
            err.print(f"\ninterrupted: {_where(chosen.out)}", style="yellow")
        raise typer.Exit(130) from None
    except (StoppedError, GradesLostError) as stopped:
        if is_first:
            err.print(f"stopped: {stopped}. {_where(chosen.out)}", style="red", soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    if is_first:
        out.print(f"done: {made}", soft_wrap=True)


def _where(folder: Path) -> str:
    from irg.run.loop import newest_step

    step = newest_step(folder)
    return "nothing was saved" if step is None else f"step {step} is saved: go on with --resume"


def _show_plan(recipe: "RlRecipe", processes: int) -> None:
    from irg.rl.preview import describe

    for part in describe(recipe, processes):
        if isinstance(part, str):
            out.print(part, soft_wrap=True, markup=False)
        else:
            print_table(part.title, part.head, part.rows)
