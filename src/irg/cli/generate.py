"""`irg generate`: prompt -> thought -> image -> reflection -> better image."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irg.cli.options import GivenSeed, Out, Telling, check_text, default_folder, option
from irg.cli.order import Order, draw, follow
from irg.cli.output import EpisodeFolder, report
from irg.cli.processes import crew
from irg.terminal import out as stdout
from irg.terminal import print_json

if TYPE_CHECKING:
    from irg.cli.batch import BatchOutcome

EXAMPLES = """[bold]Examples[/bold]
  irg generate "a green star above a yellow circle"
  irg generate "three pink hearts" --turns 3 --seed 7 --out runs/hearts
  [dim]# one thought and one image; then an image without a thought[/dim]
  irg generate "a large green star" --turns 1
  irg generate "a large green star" --turns 1 --no-think
  [dim]# with six steps and guidance of one's own; four pictures of one prompt[/dim]
  irg generate "a large green star" --steps 6 --text-scale 2 --guided 0.4 1
  irg generate "a large green star" --num 4 --out runs/four
  [dim]# begin with a picture; the episode of a trace once more, byte for byte[/dim]
  irg generate "three pink hearts" --image drawing.png
  irg generate "three pink hearts" --image drawing.png --num 4
  irg generate --from runs/hearts/trace.json
  [dim]# many prompts; run it again to go on where it stopped[/dim]
  irg generate --prompts prompts.txt --out runs/many
  torchrun --nproc-per-node 8 -m irg generate --prompts prompts.txt --out runs/many
  torchrun --nproc-per-node 2 -m irg generate "three pink hearts" --parallel sequence
  [dim]# by another plan than the checkpoint's; until a reflection finds nothing wrong[/dim]
  irg generate "three pink hearts" --plan mine.yaml --turns 4
  irg generate "three pink hearts" --turns 4 --stop-when-right
  [dim]# any prompt, with a real checkpoint[/dim]
  irg generate "a fox in the snow" --model ByteDance-Seed/BAGEL-7B-MoT

Exit codes: 0 done, 1 some prompts of a file failed, 2 wrong input,
130 interrupted."""


def generate(
    prompt: Annotated[str | None, typer.Argument(help="What to draw.")] = None,
    prompts: Annotated[
        Path | None,
        option(
            "Draw each line of a text file, into OUT/0000, OUT/0001, ... with seeds that count up from "
            "--seed, and a page over all of them, OUT/index.html. What is there already is not drawn again.",
            metavar="FILE",
        ),
    ] = None,
    again: Annotated[
        Path | None,
        option(
            "Draw the episode of a trace once more: its prompt, seed and settings, by its model unless "
            "--model names another. Says whether the pictures are the same.",
            "--from",
            metavar="TRACE",
        ),
    ] = None,
    num: Annotated[
        int,
        option(
            "Episodes of each prompt, with seeds that count up, each in a folder of its own.",
            "--num",
            "-n",
            metavar="N",
            least=1,
        ),
    ] = 1,
    batch: Annotated[
        int | None,
        option(
            "Of many, so many are drawn together; 1 draws each as it is drawn alone, to the bit. "
            "Default: 16, of models with over a billion parameters 4.",
            metavar="N",
            least=1,
        ),
    ] = None,
    *,
    order: Order,
    seed: GivenSeed = None,
    out: Out = None,
) -> None:
    """Think in words, draw, look at the picture, reflect, and draw it better.

    The folder then holds
      turn1.png, turn2.png, ...   the images
      strip.png                   everything in one picture
      index.html                  a page that needs nothing else
      trace.json                  all it takes to make the same again
    """
    if sum(one is not None for one in (prompt, prompts, again)) != 1:
        raise typer.BadParameter("give either a PROMPT, --prompts FILE or --from TRACE", param_hint="PROMPT")
    if again is not None and (seed is not None or num > 1):
        raise typer.BadParameter("the trace of --from says that itself", param_hint="--seed and --num")
    if again is not None and order.parallel is not None:
        raise typer.BadParameter("one process draws the trace of --from", param_hint="--parallel")
    is_many = prompts is not None or num > 1
    if batch is not None and not is_many:
        raise typer.BadParameter("it is for --prompts and --num alone", param_hint="--batch")
    seed = seed or 0
    if again is not None:
        from irg.cli.again import draw_again

        folder, trace = draw_again(again, order, out)
    elif is_many:
        _generate_many(prompts or prompt or "", num, order, seed, out, batch)
        return
    else:
        prompt = check_text(prompt or "", "prompt")
        folder = out or default_folder(prompt, seed, order.deciding())
        with crew(order.choice.device, order.parallel, is_one=True) as us:
            if us.follows:
                follow(replace(order, telling=Telling(quiet=True)), us.team, prompt, seed)
                return
            with EpisodeFolder(folder) as episode_folder:
                trace = draw(order, order.load([prompt], team=us.team), prompt, seed, episode_folder)
    report(folder, trace, order.telling)


def _generate_many(
    asked: str | Path, num: int, order: Order, seed: int, out: Path | None, batch: int | None
) -> None:
    """Draw a prompt, or those of a file, so many times each."""
    from irg.cli.batch import generate_many, read_prompts

    decided: list[object] = [num] if num > 1 else []
    if isinstance(asked, Path):
        prompts, name, words = read_prompts(asked), asked.name, asked.stem
        decided.append(hashlib.sha256(asked.read_bytes()).hexdigest())
    else:
        prompts, name, words = [check_text(asked, "prompt")], asked, asked
    folder = out or default_folder(words, seed, *decided, order.deciding())
    repeated = [one for one in prompts for _ in range(num)]
    if (outcome := generate_many(order, repeated, name, seed, folder, batch)) is not None:
        _report_many(order, outcome, folder)


def _report_many(order: Order, outcome: "BatchOutcome", folder: Path) -> None:
    if order.telling.as_json:
        print_json(vars(outcome))
    elif order.telling.quiet:
        stdout.out(folder, highlight=False)
    if outcome.failed:
        raise typer.Exit(1)
