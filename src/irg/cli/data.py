"""`irg data`: look at data sets, convert them, verify their files."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from irg.cli.console import bars
from irg.cli.findings import print_table, show_findings, show_inspection
from irg.cli.options import ModelName, Telling, option, with_groups
from irg.terminal import out, print_json

if TYPE_CHECKING:
    from irg.data.convert import Conversion
    from irg.data.foreign.source import ForeignSource
    from irg.data.inspect import Finding
    from irg.data.prepare import Preparer
    from irg.data.source import Source

INSPECT_EXAMPLES = """[bold]Examples[/bold]
  irg data inspect traces/ --out report
  irg data inspect rows.parquet --model path/to/BAGEL-7B-MoT --max-tokens 32768
  irg data inspect traces/ --skip-pictures --json

Reads trace stores, parquet files of published conversations, and folders of
episodes that irg generate has drawn."""
CONVERT_EXAMPLES = """[bold]Examples[/bold]
  [dim]# pictures with captions beside them (cat.jpg, cat.txt), or with a metadata.jsonl or .csv[/dim]
  irg data convert photos/ traces
  irg data convert list.jsonl traces --pictures photos/ --columns image=file,text=title
  [dim]# episodes that irg generate has drawn; a data set of the hub; conversations[/dim]
  irg data convert runs/ traces
  irg data convert owner/name traces --split train
  irg data convert traces conversations --to conversation --modes improving_full"""
VERIFY_EXAMPLES = """[bold]Examples[/bold]
  irg data verify traces/

Exit codes: 0 all files are what the manifest says, 2 some are not."""
SystemPrompt = Annotated[
    str | None,
    option(
        "Takes the place of the traces' own, and is put before conversations that have none.", metavar="TEXT"
    ),
]


@dataclass(frozen=True)
class HowToRead:
    """How to read a data set that irg did not write."""

    columns: Annotated[
        str | None,
        option(
            "Which columns to take, as image=NAME,text=NAME. Default: those with the usual names.",
            metavar="WHAT=NAME,...",
        ),
    ] = None
    pictures: Annotated[
        Path | None,
        option("Where the pictures lie that a list names. Default: beside the list.", metavar="FOLDER"),
    ] = None
    split: Annotated[str | None, option("The split to read, where there are several.", metavar="NAME")] = None
    revision: Annotated[
        str | None, option("Of a data set on the hub: a branch, tag or commit.", metavar="REVISION")
    ] = None

    def source(self, name: Path, system_prompt: str | None) -> "Source | ForeignSource":
        """The data set of this name, whosever format it has."""
        from irg.data.foreign.source import ForeignReading, ForeignSource, fetch
        from irg.data.formats import NotOursError, open_source
        from irg.model.hub import HubName

        if (named := HubName.of(str(name))) is not None:
            path = fetch(named.repo, self.revision or named.revision)
        elif self.revision is not None:
            raise ValueError(f"--revision is of data sets on the hub, and {name} is none")
        else:
            path = name
        reading = ForeignReading(self._columns(), self.pictures, self.split, system_prompt)
        if reading == ForeignReading(system_prompt=system_prompt):
            try:
                return open_source(path, system_prompt)
            except NotOursError:
                pass  # it may be anybody's
        return ForeignSource(path, reading)

    def _columns(self) -> dict[str, str]:
        pairs = [pair.partition("=") for pair in self.columns.split(",")] if self.columns else []
        if wrong := [name + equals for name, equals, column in pairs if not (name and column)]:
            raise ValueError(f"--columns: {wrong[0]!r} is no WHAT=NAME, such as image=photo")
        return {name.strip(): column.strip() for name, _, column in pairs}


class Target(StrEnum):
    TRACES = "traces"
    CONVERSATION = "conversation"


group = typer.Typer(no_args_is_help=True, help="Look at data sets, convert them, verify their files.")


@group.command("inspect", epilog=INSPECT_EXAMPLES)
@with_groups
def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder.")],
    telling: Telling,
    model: ModelName = None,
    max_tokens: Annotated[
        int | None, option("Reject longer documents. Default: any length is fine.", metavar="N", least=1)
    ] = None,
    folder: Annotated[
        Path | None, option("Write a page with examples, and all rejected rows.", "--out", metavar="FOLDER")
    ] = None,
    num_examples: Annotated[
        int, option("Examples of each mode on the page.", "--examples", metavar="N", least=0)
    ] = 12,
    skip_pictures: Annotated[
        bool, option("Do not decode the pictures: much faster, less thorough.", "--skip-pictures")
    ] = False,
    system_prompt: SystemPrompt = None,
) -> None:
    """Show what a data set holds and which of its rows cannot be used.

    Documents and their tokens by learning mode, sizes of pictures, and every
    rejected row by reason. Tokens are those of the model given.
    """
    from irg.core.files import write_atomically
    from irg.core.output import working
    from irg.data.formats import open_source
    from irg.data.inspect import Inspecting, lines_of
    from irg.data.inspect import inspect as examine

    source = open_source(path, system_prompt)
    settings = Inspecting(_preparer(model), max_tokens, not skip_pictures, system_prompt)
    with working(folder, "inspection") if folder else nullcontext() as ours:
        with bars(telling.console, transient=True) as move:
            found = examine(source, settings, lambda stage, _: move(stage, len(source), advance=1))
        if ours is not None:
            from irg.data.inspect_report import page, read_examples

            write_atomically(ours / "rejected.jsonl", lines_of([*found.rejected, *found.left_out]))
            shown = read_examples(source, found, system_prompt, num_examples)
            write_atomically(ours / "index.html", page(found, shown))
    if telling.as_json:
        print_json(found.as_json())
        return
    show_inspection(found)
    if folder is not None:
        page_path = (str(folder / "index.html"), "bold green")
        out.print(Text.assemble("\nwrote ", page_path, " and rejected.jsonl"), soft_wrap=True)


@group.command("convert", epilog=CONVERT_EXAMPLES)
@with_groups
def convert(
    source_path: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="A folder of pictures, a data set, its hub id, or episodes."),
    ],
    target_path: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    *,
    to: Annotated[Target, typer.Option(help="The format to write.")] = Target.TRACES,
    telling: Telling,
    elsewhere: HowToRead,
    modes: Annotated[
        str | None,
        option("Only these modes, of traces that become conversations. Default: all.", metavar="NAME,NAME"),
    ] = None,
    jpeg_quality: Annotated[
        int | None,
        option("JPEG for pictures drawn anew, of traces. Default: PNG.", metavar="N", least=1, most=95),
    ] = None,
    system_prompt: SystemPrompt = None,
) -> None:
    """Make a store of traces of pictures with texts, or convert between traces
    and published conversations.

    Reads folders of pictures, lists (JSON lines, CSV), parquet, WebDataset and
    what save_to_disk has written, also in the layouts of BAGEL, ThinkMorph and
    Zebra-CoT. Pictures keep their bytes. Rows that cannot be converted are
    counted and shown; DST/rejected.jsonl lists them.
    """
    from irg.core.files import write_atomically
    from irg.core.output import refuse_inside
    from irg.data.convert import ConversationWriter, to_conversations, to_traces
    from irg.data.inspect import Finding, lines_of
    from irg.data.learning import Mode
    from irg.data.traces import TraceWriter

    if to is Target.TRACES and modes is not None:
        raise ValueError("--modes chooses what traces become: it goes with --to conversation")
    if to is Target.CONVERSATION and jpeg_quality is not None:
        raise ValueError("--jpeg-quality goes with --to traces")
    refuse_inside(target_path, source_path)
    source = elsewhere.source(source_path, system_prompt)
    provenance = {"converted_from": source_path.name, "rows": len(source)}
    with _ours(target_path), bars(telling.console, transient=True) as move:

        def done(index: int) -> None:
            move("converting", len(source), advance=1)

        if to is Target.TRACES:
            with TraceWriter(target_path, provenance, jpeg_quality=jpeg_quality) as writer:
                found = _some(to_traces(source, writer, done))
        else:
            wanted = _modes(modes) if modes else tuple(Mode)
            with ConversationWriter(target_path, provenance) as writer:
                found = _some(to_conversations(source, writer, wanted, system_prompt, done))
        rejected = [Finding(error) for error in found.rejected]
        if rejected:
            write_atomically(target_path / "rejected.jsonl", lines_of(rejected))
    _report(found, rejected, target_path, telling.as_json)


def _ours(folder: Path) -> AbstractContextManager[object]:
    """The folder to convert into, ours alone; one that holds a data set without a marker is left to the
    writer, which says so."""
    from irg.core.output import MARKER, working
    from irg.data.shards import MANIFEST

    is_old = (folder / MANIFEST).exists() and not (folder / MARKER).exists()
    return nullcontext() if is_old else working(folder, "data set")


def _some(found: "Conversion") -> "Conversion":
    """What was converted. Raises ValueError, so that nothing is written, where that is nothing."""
    if found.rows_written:
        return found
    first = f"; the first: {found.rejected[0]}" if found.rejected else ""
    raise ValueError(f"none of the {found.rows_read:,} rows can be converted{first}")


def _report(found: "Conversion", rejected: "list[Finding]", folder: Path, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "read": found.rows_read,
                "written": found.rows_written,
                "modes": found.modes,
                "rejected": [one.as_json() for one in rejected],
            }
        )
        return
    print_table("rows by mode", ("", "rows"), [(name, f"{n:,}") for name, n in found.modes.items()])
    show_findings("rejected rows", rejected)
    counts = f"\n{found.rows_read:,} rows read, {found.rows_written:,} written to "
    out.print(Text.assemble(counts, (str(folder), "bold green")), soft_wrap=True)
    said = f"train on it: irg train finetune_laptop data.0.path={folder}"
    out.print(said, style="dim", markup=False, highlight=False, soft_wrap=True)


@group.command("verify", epilog=VERIFY_EXAMPLES)
def verify(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="A data set with a manifest.")],
    quiet: Annotated[bool, option("No progress.", "--quiet", "-q")] = False,
) -> None:
    """Compare the files of a data set with the hashes in its manifest."""
    from irg.data.shards import Manifest
    from irg.data.shards import verify as differences

    manifest = Manifest.load(path)
    num_files = len(manifest.files) if manifest else 0
    with bars(Console(quiet=True) if quiet else out, transient=True) as move:
        problems = list(differences(path, lambda entry: move("hashing files", num_files, advance=1)))
    if problems:
        raise ValueError(f"{path} is not what its manifest says:\n  " + "\n  ".join(problems))
    assert manifest is not None
    size = sum(entry.num_bytes for entry in manifest.files)
    out.print(f"files: {num_files:,}, rows: {manifest.rows:,}, bytes: {size:,}; all as the manifest says")


def _preparer(model: str | None) -> "Preparer":
    """Measures as the model given, or the embedded one, does; no weights are needed."""
    from irg.data.prepare import Preparer
    from irg.model.checkpoint import CheckpointFolder
    from irg.pipeline import Settings
    from irg.prep import Tokenizer

    folder = CheckpointFolder.find(model, weights=False)
    settings = Settings.of(folder)
    tokenizer = Tokenizer.from_folder(folder.path)
    return Preparer(folder.config, tokenizer, settings.clean, settings.view)


def _modes(names: str) -> tuple[Any, ...]:
    from irg.data.learning import Mode

    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in set(Mode)]:
        raise ValueError(f"--modes: {unknown[0]!r} is none of {', '.join(Mode)}")
    return tuple(Mode(name) for name in dict.fromkeys(wanted))
