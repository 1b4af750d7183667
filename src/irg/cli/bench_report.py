"""`irg bench report`: runs side by side, as a page and a table."""

from pathlib import Path
from typing import Annotated

import typer

from irg.cli.options import option
from irg.terminal import out as stdout

EXAMPLES = """[bold]Examples[/bold]
  irg bench report runs/scene --out runs/report
  irg bench report runs/geneval-base runs/geneval-cot runs/geneval --out runs/report --shown 300"""


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    out: Annotated[Path, option("Folder for index.html and table.md.")],
    shown: Annotated[int, option("Pictures of each run in the gallery.", least=0)] = 120,
) -> None:
    """Set runs side by side, and beside what others have published: scores by category with their intervals,
    differences in pairs, what each turn mended and broke, what it took, and a gallery.

    It is made of the stored evidence alone. Runs of another judge, version or choice of prompts are apart.
    """
    from irg.bench.page import KIND, write_report
    from irg.core.output import working

    with working(out, KIND) as folder:
        for path in write_report(runs, folder, shown):
            stdout.print(str(path), highlight=False, markup=False, soft_wrap=True)
