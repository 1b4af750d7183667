"""`irg plot`: the losses of training runs as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.options import option
from irg.terminal import out as console

EXAMPLES = """[bold]Examples[/bold]
  irg plot runs/embedded/base runs/embedded/stage1 --out training.png"""


def plot(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, in the order to draw them.")],
    out: Annotated[Path, option("The picture to write.")] = Path("training.png"),
) -> None:
    r"""Draw the losses of training runs, one after the other.

    Needs matplotlib: pip install 'irg\[train]'.
    """
    from irg.train.plot import plot as draw

    draw(runs, out)
    console.print(f"wrote {out}")
