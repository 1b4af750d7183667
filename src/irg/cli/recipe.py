"""`irg recipe`: the recipes that come with irg."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from irg.cli.options import AsJson, option
from irg.terminal import out, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = """[bold]Examples[/bold]
  irg recipe list
  irg recipe show finetune_laptop
  irg recipe copy finetune_laptop mine.yaml
  irg train mine.yaml data.0.path=data/photos"""

group = typer.Typer(no_args_is_help=True, help="The recipes that come with irg: list, show, copy them.")
Name = Annotated[str, typer.Argument(help="Of a recipe, as irg recipe list has it.")]


@group.command("list", epilog=EXAMPLES)
def list_recipes(as_json: AsJson = False) -> None:
    """List them: their names, the commands that run them, and what they do."""
    rows = list(_known())
    if as_json:
        print_json({name: {"command": command, "about": said} for name, command, said in rows})
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, command, said in rows:
        table.add_row(name, f"[dim]{command}[/dim]", said)
    out.print(table)


@group.command(epilog=EXAMPLES)
def show(name: Name) -> None:
    """Print a recipe."""
    from irg.core.shipped import named

    out.out(named(name).read_text(encoding="utf-8"), end="", highlight=False)


@group.command(epilog=EXAMPLES)
def copy(
    name: Name,
    target: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Default: NAME.yaml in this folder.")
    ] = None,
    force: Annotated[bool, option("Replace the file if it is there.", "--force")] = False,
) -> None:
    """Copy a recipe, to be changed."""
    from irg.core.files import write_atomically
    from irg.core.shipped import named

    file = named(name)
    target = Path(file.name) if target is None else target
    target = target / file.name if target.is_dir() else target
    if target.exists() and not force:
        raise ValueError(f"{target} is there already: choose another name, or --force")
    write_atomically(target, file.read_bytes())
    out.print(f"copied: {target}", markup=False, highlight=False, soft_wrap=True)


def _known() -> "Iterator[tuple[str, str, str]]":
    """Name, command and what it does, of each recipe."""
    from irg.core.recipe import COMMANDS
    from irg.core.shipped import about, shipped
    from irg.core.yaml_file import parse_yaml

    for name, file in shipped().items():
        text = file.read_text(encoding="utf-8")
        yield name, COMMANDS[parse_yaml(text, name)["kind"]], about(text)
