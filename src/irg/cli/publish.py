"""`irg publish`: a set as a folder with a card, in parquet or tar files, and its way to the hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from irg.cli.console import bars
from irg.cli.options import AsJson, Telling, option, with_groups
from irg.publish import Packaging
from irg.terminal import out, print_json

if TYPE_CHECKING:
    from irg.publish.upload import Upload

EXPORT_EXAMPLES = """[bold]Examples[/bold]
  irg publish export runs/scene-set published --name "Scene traces"
  irg publish export runs/scene-set sample --max-bytes 5000000
  irg publish export traces/ published --held-out 0.05 --licence cc-by-4.0
  irg publish export runs/scene-set shards --to webdataset

The folder opens with datasets.load_dataset, and irg train reads its parts."""
CHECKPOINT_EXAMPLES = """[bold]Examples[/bold]
  irg publish checkpoint runs/photos/checkpoint me/photos --licence mit --dry-run
  HF_TOKEN=... irg publish checkpoint adapters me/lora --licence apache-2.0 \\
    --base ByteDance-Seed/BAGEL-7B-MoT --private"""
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
    from irg.core.files import read_text
    from irg.publish.card_front import Title
    from irg.publish.extract import Extract
    from irg.publish.publishing import Publishing, publish

    text = read_text(about) if about is not None else ""
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


@dataclass(frozen=True)
class Destination:
    """Where on the hub, and as what."""

    private: Annotated[bool, option("Nobody else sees it, if it is new.", "--private")] = False
    revision: Annotated[str | None, option("A branch that there is.", metavar="BRANCH")] = None
    message: Annotated[str, option("Of the commit.")] = "Publish"
    dry_run: Annotated[bool, option("Check everything here, and say what would be sent.", "--dry-run")] = (
        False
    )

    def upload(self, folder: Path, repo: str) -> "Upload":
        from irg.publish.upload import Upload

        return Upload(folder, repo, self.private, self.revision, self.message)


@group.command("checkpoint", epilog=CHECKPOINT_EXAMPLES)
@with_groups
def checkpoint(
    folder: Annotated[
        Path, typer.Argument(help="A finished checkpoint, or what irg export --adapters has written.")
    ],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The model on the hub.")],
    licence: Annotated[str, option("Of the weights.", "--licence", "--license")],
    *,
    base: Annotated[
        str | None, option("The model on the hub that it was trained from.", metavar="OWNER/NAME")
    ] = None,
    about: Annotated[Path | None, option("Markdown for the head of the card.", metavar="FILE")] = None,
    destination: Destination,
    as_json: AsJson = False,
) -> None:
    """Send a checkpoint, or adapters alone, to the Hugging Face hub, in the place of what weights are there.

    Its weights are looked at first. A README.md in the folder is its card; without one, a card is made.
    """
    from irg.core.files import read_text
    from irg.publish.weights import SentWeights, check_weights, send_weights

    text = read_text(about) if about is not None else ""
    weights = SentWeights(destination.upload(folder, repo), licence, base, text)
    files = check_weights(weights)
    _tell(files, repo, None if destination.dry_run else send_weights(weights), as_json)


@group.command("upload", epilog=UPLOAD_EXAMPLES)
@with_groups
def upload(
    folder: Annotated[Path, typer.Argument(help="What irg publish export has written.")],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The dataset on the hub.")],
    *,
    destination: Destination,
    as_json: AsJson = False,
) -> None:
    """Send a published folder to the Hugging Face hub, in the place of what data is there.

    All files are compared with their hashes first. The token is HF_TOKEN's, or that of `hf auth login`.
    """
    from irg.publish.upload import check, send

    wanted = destination.upload(folder, repo)
    files = check(wanted)
    _tell(files, repo, None if destination.dry_run else send(wanted), as_json)


def _tell(files: dict[str, int], repo: str, address: str | None, as_json: bool) -> None:
    """What was sent and where to; without an address, what would be."""
    if as_json:
        print_json({"files": files, "bytes": sum(files.values()), "address": address})
        return
    for name, size in files.items():
        out.print(f"{size:>14,}  {name}", highlight=False, markup=False, soft_wrap=True)
    verb = "sent to" if address else "would be sent to"
    told = f"{len(files)} files, {sum(files.values()):,} bytes {verb} {address or repo}"
    out.print(told, highlight=False, markup=False, soft_wrap=True)
