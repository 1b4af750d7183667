"""`irg publish`: a set as a folder with a card, in parquet or tar files, and its way to the hub."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from irg.cli.console import bars
from irg.cli.options import AsJson, Telling, option, with_groups
from irg.publish import Packaging
from irg.terminal import out, print_json

EXPORT_EXAMPLES = """[bold]Examples[/bold]
  irg publish export runs/scene-set published --name "Scene traces"
  irg publish export runs/scene-set sample --max-bytes 5000000
  irg publish export traces/ published --held-out 0.05 --licence cc-by-4.0
  irg publish export runs/scene-set shards --to webdataset

The folder opens with datasets.load_dataset, and irg train reads its parts."""
UPLOAD_EXAMPLES = """[bold]Examples[/bold]
  irg publish upload published me/scene-traces --dry-run
  HF_TOKEN=... irg publish upload published me/scene-traces --private

Takes a folder that irg publish export has written."""
group = typer.Typer(no_args_is_help=True, help="Publish a set: a folder with a card, and the hub.")


@group.command("export", epilog=EXPORT_EXAMPLES)
@with_groups
def export(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A curation's folder, or a store of traces.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    telling: Telling,
    to: Annotated[Packaging, option("The files to write.")] = Packaging.PARQUET,
    name: Annotated[str | None, option("The set's name. Default: the folder's.")] = None,
    licence: Annotated[
        str | None, option("Of the set. Default: that of its prompts.", "--licence", "--license")
    ] = None,
    about: Annotated[Path | None, option("Markdown for the head of the card.", metavar="FILE")] = None,
    held_out: Annotated[
        float | None,
        option(
            "Share of the prompts to hold out, by their hash. Default: the split that there is.",
            metavar="SHARE",
            least=0,
            most=1,
        ),
    ] = None,
    max_rows: Annotated[int | None, option("At most N traces.", metavar="N", least=1)] = None,
    max_bytes: Annotated[
        int | None, option("At most N bytes in all, the card included.", metavar="N", least=1)
    ] = None,
    shard_bytes: Annotated[int, option("Where a tar file ends, about.", metavar="N", least=1)] = 1 << 30,
) -> None:
    """Write a set, or an extract of it, as it is published: data, splits, and a card that says what it is.

    Addresses of endpoints, names of variables with keys and paths on this machine stay out of it.
    """
    from irg.publish.card_front import Title
    from irg.publish.extract import Extract
    from irg.publish.publishing import Publishing, publish

    text = about.read_text(encoding="utf-8-sig") if about is not None else ""
    title = Title(target.resolve().name if name is None else name, licence, text)
    publishing = Publishing(title, Extract(held_out, max_rows, max_bytes), to, shard_bytes)
    with bars(telling.console, transient=True) as move:
        done = publish(source, target, publishing, lambda rows, total: move("writing", total, completed=rows))
    if telling.as_json:
        print_json(vars(done))
        return
    parts = ", ".join(f"{rows:,} in {part}" for part, rows in done.parts.items())
    written = f"{sum(done.parts.values()):,} of {done.num_available:,} traces ({parts})"
    out.print(f"{written}, {done.num_bytes:,} bytes in {escape(str(target))}", soft_wrap=True)


@group.command("upload", epilog=UPLOAD_EXAMPLES)
def upload(
    folder: Annotated[Path, typer.Argument(help="What irg publish export has written.")],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The dataset on the hub.")],
    private: Annotated[bool, option("Nobody else sees it, if it is new.", "--private")] = False,
    revision: Annotated[str | None, option("A branch that there is.", metavar="BRANCH")] = None,
    message: Annotated[str, option("Of the commit.")] = "Publish the set",
    dry_run: Annotated[
        bool, option("Check everything here, and say what would be sent.", "--dry-run")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send a published folder to the Hugging Face hub, in the place of what data is there.

    All files are compared with their hashes first. The token is HF_TOKEN's, or that of `hf auth login`.
    """
    from irg.publish.upload import Upload, check, send

    wanted = Upload(folder, repo, private, revision, message)
    files = check(wanted)
    address = None if dry_run else send(wanted)
    if as_json:
        print_json({"files": files, "bytes": sum(files.values()), "address": address})
        return
    for name, size in files.items():
        out.print(f"{size:>14,}  {name}", highlight=False, markup=False, soft_wrap=True)
    verb = "would be sent to" if dry_run else "sent to"
    told = f"{len(files)} files, {sum(files.values()):,} bytes {verb} {address or repo}"
    out.print(told, highlight=False, markup=False, soft_wrap=True)
