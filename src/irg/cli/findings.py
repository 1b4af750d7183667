"""What is known about a data set, on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from irg.terminal import out

if TYPE_CHECKING:
    from irg.data.inspect import Finding, Inspection

_MOST_SHOWN = 3
"""Rows shown for each reason."""
_LONGEST = 160
"""Characters shown of what is wrong with a row."""


def show_inspection(found: "Inspection") -> None:
    usable = found.rows - len(found.rejected)
    facts = f"{found.rows:,} rows, {usable:,} usable, {len(found.rejected):,} rejected"
    note = "" if found.decoded else "; pictures were not decoded"
    out.print(Text.assemble((found.name, "bold"), f"\n{facts}{note}"), soft_wrap=True)
    if found.note:
        out.print(found.note, style="yellow", soft_wrap=True)
    rows = [
        (name, *(f"{n:,}" for n in (one.documents, one.least, one.median, one.p95, one.most)))
        for name, one in found.lengths.items()
    ]
    if rows:
        print_table("tokens", ("", "documents", "min", "median", "p95", "max"), rows)
    total = sum(found.sizes.values())
    sizes = [
        (f"{width}x{height}", f"{count:,}", f"{count / total:.1%}")
        for (width, height), count in found.sizes.most_common(8)
    ]
    if sizes:
        more = len(found.sizes) - len(sizes)
        sizes += [(f"{more} other sizes", "", "")] if more > 0 else []
        print_table("pictures", ("", "number", "share"), sizes)
    show_findings("rejected rows", found.rejected)
    show_findings("left out of a mode", found.left_out)


def show_findings(title: str, findings: "list[Finding]") -> None:
    if not findings:
        return
    from irg.data.inspect import by_reason

    out.print(f"\n{title}", style="bold")
    for reason, those in by_reason(findings).items():
        out.print(Text.assemble(f"{len(those):>8,}  ", (reason, "yellow")))
        for one in those[:_MOST_SHOWN]:
            error = one.error
            where = f"          {Path(error.file).name}, row {error.row}: "
            out.print(Text.assemble((where, "dim"), _short(error.detail)), soft_wrap=True)
        if len(those) > _MOST_SHOWN:
            out.print(f"          and {len(those) - _MOST_SHOWN:,} more", style="dim")


def _short(detail: str) -> str:
    line = detail.replace("\n", " ")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def print_table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table under its title; all columns but the first are numbers."""
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", header_style="dim")
    for row in rows:
        table.add_row(*row)
    out.print(f"\n{title}", style="bold")
    out.print(table)
