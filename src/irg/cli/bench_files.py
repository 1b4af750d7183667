"""`irg bench list`, `download` and `export`: benchmarks, their official files, and their official trees."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from irg.cli.options import AsJson, option
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    from irg.bench.protocol import Benchmark, OfficialFile
    from irg.bench.runs import BenchRun as BenchmarkRun

LIST_EXAMPLES = """[bold]Examples[/bold]
  irg bench list
  irg bench list --json > benchmarks.json"""
DOWNLOAD_EXAMPLES = """[bold]Examples[/bold]
  irg bench download geneval
  irg bench download wise --to official/wise"""
EXPORT_EXAMPLES = """[bold]Examples[/bold]
  irg bench export runs/geneval --out official/
  irg bench score official/ --benchmark geneval --out runs/again"""


def benchmarks(as_json: AsJson = False) -> None:
    """Name the benchmarks, with their versions and whether their official files are here.

    Hashes are pinned where all of them are known; of other files that of the first fetch holds from then on.
    """
    from irg.bench.known import PLACES, benchmark

    found = [benchmark(name) for name in PLACES]
    rows = [
        (one.name, one.version, _state(one), _hashes(one), ", ".join(one.summaries), one.words)
        for one in found
    ]
    if as_json:
        names = ("name", "version", "files", "hashes", "variants", "words")
        print_json({"benchmarks": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    for name, version, files, hashes, variants, words in rows:
        out.print(f"{name} (version {version}): {words}", highlight=False, markup=False, soft_wrap=True)
        told = f"  variants: {variants}; official files: {files}"
        told += f", hashes: {hashes}" if hashes != files else ""
        out.print(told, style="dim", highlight=False, markup=False, soft_wrap=True)


def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark that irg bench list has.")],
    to: Annotated[
        Path | None, option("Folder for its files. Default: IRG_BENCH_SOURCES/NAME, or the user's cache.")
    ] = None,
) -> None:
    """Fetch the official files of a benchmark, whose hashes are checked. Their licences are theirs.

    Where a hash is not known, that of the first fetch is kept beside the files, and nothing else is taken for
    them afterwards.
    """
    from irg.bench.known import benchmark
    from irg.bench.sources import HashCheck, folder_of
    from irg.bench.sources import download as fetch

    ours = benchmark(name)
    folder = folder_of(ours, to)

    def tell(one: "OfficialFile", is_new: bool, check: HashCheck) -> None:
        state = "fetched" if is_new else "here already"
        err.print(f"{one.path}: {state}, {check}", markup=False, soft_wrap=True)

    fetch(ours, folder, tell)
    if not ours.sources:
        err.print(f"{name} needs no files")
    else:
        out.print(str(folder), markup=False, soft_wrap=True)


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    to: Annotated[Path, option("Folder to write; one that irg wrote is replaced.", "--out")],
) -> None:
    """Write a run's pictures as the official programs expect them: a tree for each turn, turn1, turn2, ...

    Every picture keeps its bytes (in a grid its pixels), whatever suffix the benchmark gives its files. What
    its last judge found goes beside them, in results1, results2, ..., where the official files are known.
    """
    from irg.bench.known import benchmark
    from irg.bench.runs import BenchRun
    from irg.bench.session import look_of
    from irg.bench.tree import write_tree
    from irg.core.output import replaced

    ours = BenchRun.open(run)
    official = benchmark(ours.about["benchmark"])
    look = look_of(ours, official)
    with replaced(to, "official tree", keep=[run]) as folder:
        for turn in ours.turns:
            missing = write_tree(official.tree, ours.items, look, turn, folder / f"turn{turn}")
            for reason, count in missing.items():
                err.print(f"turn {turn}: {count:,} missing: {reason}", style="yellow")
        _write_results(ours, official, folder)
    out.print(str(to), markup=False, soft_wrap=True)


def _write_results(run: "BenchmarkRun", benchmark: "Benchmark", folder: Path) -> None:
    from irg.bench.judging import hearings
    from irg.core.files import inside, write_atomically

    if benchmark.results is None or not run.judges:
        return
    store = run.evidence(run.judges[-1])
    for turn in run.turns:
        for name, text in benchmark.results(run.items, hearings(store, turn)).items():
            path = inside(folder / f"results{turn}", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)


def _hashes(benchmark: "Benchmark") -> str:
    first = sum(not one.is_pinned for one in benchmark.sources)
    if not benchmark.sources:
        return "none needed"
    return f"{first} of {len(benchmark.sources)} by first fetch" if first else "pinned"


def _state(benchmark: "Benchmark") -> str:
    from irg.bench.sources import folder_of, official_files

    if not benchmark.sources:
        return "none needed"
    try:
        found = official_files(benchmark, folder_of(benchmark), allow_modified=True)
    except ValueError:
        return "not here"
    return "modified" if found.modified else "here"
