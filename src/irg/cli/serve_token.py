"""`irg serve token`: who may ask a server that others reach."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from irg.cli.options import AsJson, option
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    from irg.serve.tokens import KnownToken, TokenBook

EXAMPLES = """[bold]Examples[/bold]
  irg serve token add alice --requests-per-minute 60 --concurrent 4
  irg serve token list
  irg serve token remove alice"""

group = typer.Typer(no_args_is_help=True, help="Tokens of those who may ask: add, list, remove them.")
Name = Annotated[str, typer.Argument(help="Whose token it is.")]
File = Annotated[
    Path | None,
    option("The file of tokens. Default: IRG_TOKENS, or irg/tokens.json in the user's settings.", "--tokens"),
]


@group.command(epilog=EXAMPLES)
def add(
    name: Name,
    requests_per_minute: Annotated[
        int | None, option("At most. Default: no limit.", metavar="N", least=1)
    ] = None,
    concurrent: Annotated[
        int | None, option("Requests under way at once, at most. Default: no limit.", metavar="N", least=1)
    ] = None,
    pixels: Annotated[
        int | None,
        option("That a request may have drawn in all, at most. Default: no limit.", metavar="N", least=1),
    ] = None,
    tokens: File = None,
) -> None:
    """Make a token and print it: it is stored as a hash, and cannot be shown again."""
    from irg.serve.tokens import TokenLimits

    book = _book(tokens)
    limits = TokenLimits(requests_per_minute=requests_per_minute, concurrent=concurrent, pixels=pixels)
    token = book.add(name, limits)
    err.print(f"{name} is in {book.path}; this is shown once:", markup=False)
    out.out(token, highlight=False)


@group.command("list", epilog=EXAMPLES)
def list_tokens(tokens: File = None, as_json: AsJson = False) -> None:
    """List the names of tokens, and their limits."""
    book = _book(tokens)
    known = book.known()
    if as_json:
        print_json({one.name: _facts(one) for one in known})
        return
    if not known:
        said = "has no tokens: nobody may ask" if book.is_needed else "is not there: no tokens are asked for"
        err.print(f"{book.path} {said}", markup=False)
        return
    table = Table("name", "since", "requests a minute", "at once", "pixels", box=None, pad_edge=False)
    for one in known:
        table.add_row(one.name, *("any" if value is None else str(value) for value in _facts(one).values()))
    out.print(table)


@group.command(epilog=EXAMPLES)
def remove(name: Name, tokens: File = None) -> None:
    """Remove a token: whoever has it is refused from now on, by servers that run too."""
    book = _book(tokens)
    book.remove(name)
    err.print(f"{name} is removed from {book.path}", markup=False)


def _book(path: Path | None) -> "TokenBook":
    from irg.serve.tokens import TokenBook, default_file

    return TokenBook(path or default_file())


def _facts(one: "KnownToken") -> dict[str, str | int | None]:
    return {"since": one.created, **one.limits.model_dump()}
