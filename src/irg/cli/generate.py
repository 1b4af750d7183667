"""`irg generate`: prompt -> thought -> image -> reflection -> better image."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irg.cli.options import Out, Seed, check_text, default_folder, option
from irg.cli.order import Order, draw
from irg.cli.output import EpisodeFolder, report
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
  [dim]# many prompts; run it again to go on where it stopped[/dim]
  irg generate --prompts prompts.txt --out runs/many
  torchrun --nproc-per-node 8 -m irg generate --prompts prompts.txt --out runs/many
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
    batch: Annotated[
        int | None,
        option(
            "Prompts of the file that are drawn together; 1 draws each as it is drawn alone, to the bit. "
            "Default: 16, of models with over a billion parameters 4.",
            metavar="N",
            least=1,
        ),
    ] = None,
    *,
    order: Order,
    seed: Seed = 0,
    out: Out = None,
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
    if prompts is not None:
        from irg.cli.batch import generate_file

        lines = hashlib.sha256(prompts.read_bytes()).hexdigest()
        folder = out or default_folder(prompts.stem, seed, lines, order.deciding())
        if (outcome := generate_file(order, prompts, seed, folder, batch)) is not None:
            _report_many(order, outcome, folder)
        return
    if batch is not None:
        raise typer.BadParameter("it is for --prompts alone", param_hint="--batch")
    prompt = check_text(prompt or "", "prompt")
    folder = out or default_folder(prompt, seed, order.deciding())
    with EpisodeFolder(folder) as episode_folder:
        trace = draw(order, order.load([prompt]), prompt, seed, episode_folder)
    report(folder, trace, order.telling)


def _report_many(order: Order, outcome: "BatchOutcome", folder: Path) -> None:
    if order.telling.as_json:
        print_json(vars(outcome))
    elif order.telling.quiet:
        stdout.out(folder, highlight=False)
    if outcome.failed:
        raise typer.Exit(1)
