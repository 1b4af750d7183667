"""`irg bench scorer`: the judge of a benchmark as a process, which others ask by `--judge scorer=ADDRESS`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from irg.cli.bench_run import Judging
from irg.cli.options import option, with_groups
from irg.terminal import err, out

EXAMPLES = """[bold]Examples[/bold]
  irg bench scorer geneval --port 8900
  irg bench score pictures/ --benchmark geneval --judge scorer=http://127.0.0.1:8900 --out runs/theirs"""


@with_groups
def scorer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark that irg bench list has.")],
    *,
    port: Annotated[int, option("Port to serve at; 0 takes a free one.", least=0, most=65535)] = 8900,
    host: Annotated[str, option("Address to serve at. Anyone who reaches it can ask.")] = "127.0.0.1",
    judge: Annotated[
        list[str] | None,
        option("What the judge is to be: model, device, ... as the benchmark has it.", metavar="KEY=VALUE"),
    ] = None,
    sources: Annotated[
        Path | None,
        option("Folder of the official files. Default: IRG_BENCH_SOURCES/NAME, or what download fetched."),
    ] = None,
) -> None:
    """Load the judge of a benchmark and answer for it until interrupted.

    It says the same as it would say where the benchmark runs, from an environment and a machine of its own.
    """
    from irg.bench.known import benchmark
    from irg.bench.program import judge_of
    from irg.bench.protocol import JudgeOptions
    from irg.bench.remote import judge_server
    from irg.bench.sources import folder_of

    ours = benchmark(name)
    settings = Judging(judge=judge).settings
    with TemporaryDirectory(prefix="irg-scorer-") as keep:
        options = JudgeOptions(folder_of(ours, sources), Path(keep), settings)
        with judge_of(ours, options) as found, judge_server(ours, found, port, host) as server:
            address = f"http://{host}:{server.server_address[1]}"
            err.print(f"{name} {ours.version} is judged here; Ctrl-C ends it")
            out.print(address, markup=False)
            server.serve_forever()
