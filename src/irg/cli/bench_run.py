"""`irg bench run` and `irg bench score`: from a benchmark's items, or a folder of pictures, to a result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from irg.cli.by_plan import PlanChoice
from irg.cli.console import bars
from irg.cli.options import ModelChoice, Seed, Telling, drawing_option, option, with_groups
from irg.terminal import err, out, print_json

if TYPE_CHECKING:
    from irg.bench.protocol import Benchmark
    from irg.bench.ranks import Ranks
    from irg.bench.runs import DrawingSettings
    from irg.bench.session import BenchSession
    from irg.bench.tree import Content
    from irg.pipeline import Settings
    from irg.stages.cluster import Cluster

RUN_EXAMPLES = """[bold]Examples[/bold]
  irg bench run scene --prompts 100 --out runs/scene
  irg bench run geneval --model runs/mine --mode base --out runs/geneval-base
  irg bench run wise --model runs/mine --turns 3 --guidance later.image_scale=1.5 --out runs/wise
  [dim]# run again, it goes on where it stopped; eight GPUs share the batches[/dim]
  torchrun --nproc-per-node 8 -m irg bench run geneval --model runs/mine --out runs/geneval

Exit codes: 0 done, 1 incomplete, 2 wrong input, 130 interrupted."""
SCORE_EXAMPLES = """[bold]Examples[/bold]
  irg bench score pictures/ --benchmark geneval --out runs/theirs
  [dim]# a folder with turn1, turn2, ...: a tree for each turn[/dim]
  irg bench score trees/ --benchmark tiif --label "Uni-CoT" --out runs/unicot
  [dim]# a run of irg bench run, by another judge[/dim]
  irg bench score runs/wise --judge model=gpt-4o-2024-11-20

Exit codes: 0 done, 1 incomplete, 2 wrong input, 130 interrupted."""
_MOST_SHOWN = 5
"""Files told of each fault; `tree.json` has all."""


@dataclass(frozen=True)
class Judging:
    """The official files, and what the judge is told."""

    judge: Annotated[
        list[str] | None,
        option(
            "What the judge is to be: model, address, device, ... as the benchmark has it.",
            metavar="KEY=VALUE",
        ),
    ] = None
    sources: Annotated[
        Path | None,
        option("Folder of the official files. Default: IRG_BENCH_SOURCES/NAME, or what download fetched."),
    ] = None
    allow_modified_data: Annotated[
        bool,
        option("Take files that are not the official ones; every result says so.", "--allow-modified-data"),
    ] = False
    prompts: Annotated[
        int | None,
        option("So many prompts only, from all over the benchmark. The result is partial.", least=1),
    ] = None

    @property
    def settings(self) -> dict[str, str]:
        pairs = [text.partition("=") for text in self.judge or []]
        if wrong := [name for name, equals, _ in pairs if not equals or not name]:
            raise ValueError(f"--judge {wrong[0]!r}: expected KEY=VALUE")
        return {name: value for name, _, value in pairs}

    def session(self, benchmark: "Benchmark", folder: Path) -> "BenchSession":
        from irg.bench.session import BenchSession
        from irg.bench.sources import folder_of, official_files

        files = official_files(benchmark, folder_of(benchmark, self.sources), self.allow_modified_data)
        return BenchSession.prepared(benchmark, files, folder, self.prompts, self.settings)


@dataclass(frozen=True)
class Sharing:
    """Who draws."""

    batch: Annotated[int, option("Pictures that are drawn in step.", least=1)] = 32
    workers: Annotated[
        int | None,
        option("Processes that draw. Default: one for each core, on a GPU one.", least=1),
    ] = None
    ray: Annotated[
        str | None,
        option("Draw on a Ray cluster: HOST:PORT, auto, or local for one here.", metavar="ADDRESS"),
    ] = None

    def cluster(self, ranks: "Ranks") -> "Cluster | None":
        """Raises ValueError for a cluster beside other processes that draw."""
        from irg.stages.cluster import Cluster

        if self.ray is None:
            return None
        if self.workers is not None or ranks.world > 1:
            raise ValueError(f"--ray {self.ray} beside --workers or torchrun: a cluster draws all by itself")
        return Cluster(self.ray)


@with_groups
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark that irg bench list has.")],
    *,
    out: Annotated[Path, option("Folder of the run, which goes on where it stopped.")],
    mode: Annotated[
        str,
        option("base: at once; cot: one turn with a thought; irg: turns that reflect; all: base and irg."),
    ] = "irg",
    turns: Annotated[
        int | None, option("Turns with thoughts. Default: 2, in modes base and cot 1.", least=1)
    ] = None,
    seed: Seed = 0,
    guidance: Annotated[
        list[str] | None,
        drawing_option(
            "Changes of the checkpoint's plan: first.text_scale=4, later.image_scale=2, num_points=30, ...",
            metavar="KEY=VALUE",
        ),
    ] = None,
    score: Annotated[bool, option("Judge what was drawn.")] = True,
    by_plan: PlanChoice,
    judging: Judging,
    sharing: Sharing,
    choice: ModelChoice,
    telling: Telling,
) -> None:
    """Draw the prompts of a benchmark, judge the pictures, and say the result, with what is missing.

    The folder keeps every turn's picture and thought, and the evidence: irg bench report makes a page of it.
    """
    from irg.bench.known import benchmark as known
    from irg.bench.ranks import joined_ranks
    from irg.bench.runs import DrawingMode, DrawingSettings, plans_of, series_of
    from irg.core.values import chosen
    from irg.pipeline.plans.convert import steps_of

    if judging.judge and not score:
        raise ValueError(f"--judge {judging.judge[0]} beside --no-score: nothing is judged")
    benchmark, how = known(name), chosen("mode", mode, DrawingMode)
    settings = _changed(choice.checkpoint.settings, guidance or [])
    usual = turns or (1 if how in (DrawingMode.BASE, DrawingMode.COT) else 2)
    if (steps := by_plan.steps(settings, turns)) is None and by_plan.stop_when_right:
        steps = steps_of(settings.plan(usual, think=True), settings, stop_when_right=True)
    if steps is not None and how is not DrawingMode.IRG:
        raise ValueError(f"mode {how} beside a plan of steps, which says itself what is drawn")
    plans = plans_of(settings, how, usual) if steps is None else series_of(steps)
    benchmark.check([plan for _, plan in plans.values()], settings.world)
    for _, plan in plans.values():
        choice.check(plan)
    session = judging.session(benchmark, out)
    if score:
        session.check_judge()
    drawing = DrawingSettings(how, plans, choice.checkpoint.identity, settings.system_prompt, seed)
    with going_on(out), joined_ranks() as ranks:
        ours = replace(choice, device=ranks.device(choice.device))
        result = _draw_and_score(session, drawing, ours, (ranks, sharing, score), telling)
    if result is not None:
        tell(result, benchmark, telling)


@with_groups
def score(
    folder: Annotated[Path, typer.Argument(help="Pictures in the official layout, or the folder of a run.")],
    *,
    benchmark: Annotated[
        str | None,
        option("The benchmark that the pictures were made for. A run says so itself.", metavar="NAME"),
    ] = None,
    out: Annotated[Path | None, option("Folder for the result. Default: that of the run.")] = None,
    label: Annotated[str | None, option("Who made the pictures. Default: the folder's name.")] = None,
    judging: Judging,
    telling: Telling,
) -> None:
    """Judge pictures that are there already, whoever made them, and say the result, with what is missing.

    What is missing, unreadable, wrongly numbered or extra in a folder is told before anything is judged, and
    listed in OUT/tree.json.
    """
    from irg.bench.known import benchmark as known
    from irg.bench.runs import ABOUT, KIND, BenchRun
    from irg.bench.session import look_of, looking_in
    from irg.core.output import working

    if (folder / ABOUT).is_file():
        if out is not None or benchmark is not None or label is not None or judging.prompts is not None:
            raise ValueError(f"{folder} is a run: --out, --benchmark, --label and --prompts are for pictures")
        run = BenchRun.open(folder)
        ours = run.benchmark
        with going_on(folder), working(folder, KIND), _bar(telling, "judged") as progress:
            result = judging.session(ours, folder).score(run, look_of(run, ours), progress)
        tell(result, ours, telling)
        return
    if benchmark is None or out is None:
        raise ValueError(f"{folder} is no run: expected --benchmark and --out for a folder of pictures")
    session = judging.session(known(benchmark), out)
    with going_on(out), working(out, KIND):
        run, trees = session.begin_trees(folder, label or folder.resolve().name)
        for turn, content in trees.items():
            _tell_faults(turn, content, telling.console)
        with _bar(telling, "judged") as progress:
            result = session.score(run, looking_in(trees), progress)
    tell(result, session.benchmark, telling)


def _draw_and_score(
    session: "BenchSession",
    drawing: "DrawingSettings",
    choice: ModelChoice,
    how: "tuple[Ranks, Sharing, bool]",
    telling: Telling,
) -> dict[str, Any] | None:
    """The result; None in the other processes of torchrun, and where nothing is to be judged."""
    from irg.bench.checkpoints import loaded, one_thread
    from irg.bench.harness import usual_workers
    from irg.bench.runs import KIND, BenchRun, Crew, draw, looking
    from irg.core.output import working

    ranks, sharing, is_scored = how
    device = choice.checkpoint.torch_device
    workers = sharing.workers or (1 if ranks.world > 1 else usual_workers(device))
    crew = Crew(sharing.batch, workers, sharing.cluster(ranks), ranks)
    with working(session.folder, KIND) if ranks.is_first else nullcontext():
        if ranks.is_first:
            session.begin_drawing(drawing, choice.checkpoint.identity)
        ranks.wait()
        run = BenchRun.open(session.folder)
        # Whatever devices others have, they compute in what the run says that it was drawn in.
        load = partial(loaded, replace(choice.checkpoint, dtype=choice.checkpoint.torch_dtype))
        # How many threads compute changes the last digits: one does, however many processes there are.
        with one_thread() if device.type == "cpu" else nullcontext(), _bar(telling, "drawn") as progress:
            draw(run, drawing, load, crew, progress if ranks.is_first else None)
        ranks.wait()
        if not ranks.is_first or not is_scored:
            return None
        with _bar(telling, "judged") as progress:
            return session.score(run, looking(run.drawn()), progress)


@contextmanager
def going_on(folder: Path) -> Iterator[None]:
    """Say of an interruption what it left, and end with 130."""
    try:
        yield
    except KeyboardInterrupt:
        told = f"interrupted: {folder} keeps what is finished, and the same command goes on from there"
        err.print(f"\n{told}", style="yellow", markup=False, soft_wrap=True)
        raise typer.Exit(130) from None


@contextmanager
def _bar(telling: Telling, name: str) -> Iterator[Callable[[int, int], None]]:
    with bars(telling.console) as move:
        yield lambda done, total: move(name, total, completed=done)


def _changed(settings: "Settings", changes: Sequence[str]) -> "Settings":
    """The checkpoint's settings with these. Raises ValueError."""
    from irg.core.recipe import overridden
    from irg.core.settings import checked

    content = settings.model_dump(mode="json")
    for change in changes:
        content = overridden(content, change)
    return checked(type(settings), content, "--guidance")


def _tell_faults(turn: int, content: "Content", console: Console) -> None:
    for kind, paths in content.faults.items():
        console.print(f"turn {turn}: {len(paths):,} {kind}", style="yellow")
        for path in paths[:_MOST_SHOWN]:
            console.print(f"  {path}", markup=False, soft_wrap=True)
        if len(paths) > _MOST_SHOWN:
            console.print(f"  and {len(paths) - _MOST_SHOWN:,} more, all in tree.json", style="dim")


def tell(result: dict[str, Any], benchmark: "Benchmark", telling: Telling) -> None:
    """Say a result. Ends the command with 1 if something is missing."""
    from irg.bench.protocol import judge_name

    title = f"{result['benchmark']} (version {result['version']}), judged by {judge_name(result['judge'])}"
    table = Table("variant", "turn", "value", "95% interval", "counted", title=title)
    for turn in result["turns"]:
        for summary in turn["summaries"]:
            head = summary["headline"]
            table.add_row(
                benchmark.title(summary["variant"]),
                str(turn["turn"]) if turn["turn"] else "base",
                _number(head["value"], benchmark),
                " to ".join(_number(end, benchmark) for end in head["interval"] or ()),
                f"{head['counted']:,} of {head['expected']:,}",
            )
    if telling.as_json:
        print_json(result)
    else:
        out.print(table)
    if result["partial"]:
        err.print(f"partial: {result['partial']}, so this is not the benchmark's score", style="yellow")
    if result["run"]["sources"]["modified"]:
        err.print(f"modified data: {', '.join(result['run']['sources']['modified'])}", style="yellow")
    if not result["complete"]:
        lacking = [
            f"turn {turn['turn']}: {count:,} missing: {reason}"
            for turn in result["turns"]
            for summary in turn["summaries"]
            for reason, count in summary["missing"].items()
        ]
        for line in dict.fromkeys(lacking):
            err.print(line, style="yellow")
        raise typer.Exit(1)


def _number(value: float | None, benchmark: "Benchmark") -> str:
    return "-" if value is None else f"{value * benchmark.scale:.{benchmark.digits}f}"
