"""`irg generate --prompts FILE` and `--num N`: many episodes, in numbered folders. It goes on where it
stopped."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from irg.cli.console import bars
from irg.cli.episode import Recorder
from irg.cli.options import Telling
from irg.cli.order import Order, draw, events_of
from irg.cli.output import EpisodeFolder, make_writable, print_places, remove_empty, summary
from irg.cli.processes import ProcessCrew, crew
from irg.core.events import DenoisingStep
from irg.core.files import read_lines
from irg.core.trace import Trace
from irg.model.device import is_out_of_memory
from irg.pipeline.overview import refuse_all_but_episodes, write_overview
from irg.pipeline.replay import IDENTITY
from irg.terminal import err

if TYPE_CHECKING:
    from irg.pipeline import Pipeline


@dataclass
class BatchOutcome:
    """What became of each prompt, as `--json` prints it."""

    made: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Each with the number and the prompt of the line, and why."""


@dataclass(frozen=True)
class BatchJob:
    """One line of a file, and where its episode goes."""

    number: int
    prompt: str
    seed: int
    folder: Path


_LONG = 90
"""Seconds from which on it is said how long the rest will take."""


def generate_many(
    order: Order, prompts: Sequence[str], name: str, seed: int, folder: Path, batch: int | None
) -> BatchOutcome | None:
    """Draw every prompt, `batch` together (None: as many as suit the model); `name` is what they have in
    common, as the page over them says it.

    A prompt that fails is counted and shown, and does not stop the others. Where nothing is left to draw, no
    model is loaded. Of torchrun's processes each draws its share, and the first tells of all; the others have
    None; where they share out pictures, all draw the same, and the first one keeps it.
    """
    jobs = [
        BatchJob(number, prompt, seed + number, folder / f"{number:04d}")
        for number, prompt in enumerate(prompts)
    ]
    with crew(order.choice.device, order.parallel) as us:
        order = order if us.is_first else replace(order, telling=Telling(quiet=True))
        # One makes the folder, and all look into it before anything is drawn.
        made, outcome = make_writable(folder) if us.is_first else [], BatchOutcome()
        us.wait()
        try:
            refuse_all_but_episodes(folder)
            order.check()
            waiting = list(_waiting(order, jobs, outcome))
            us.wait()
            for drawn in us.gathered(_draw_all(order, list(us.share(waiting)), batch, us)):
                outcome.made += drawn.made
                outcome.failed += drawn.failed
            outcome.made.sort(key=lambda one: one["folder"])
            outcome.failed.sort(key=lambda one: one["number"])
            if us.is_first and (outcome.made or outcome.skipped):
                failed = {one["number"]: one["error"] for one in outcome.failed}
                write_overview(folder, name, [job.prompt for job in jobs], failed)
        finally:
            remove_empty(made)
        if not us.is_first:
            return None
    _print_outcome(order, outcome)
    return outcome


def _draw_all(order: Order, jobs: list[BatchJob], batch: int | None, us: ProcessCrew) -> BatchOutcome:
    """Load the model, if there is anything to draw, and draw."""
    outcome = BatchOutcome()
    if not jobs:
        return outcome
    pipeline = order.load([], len(jobs), us.team)
    size, began = batch or pipeline.usual_batch, time.monotonic()
    for start in range(0, len(jobs), size):
        if start:
            _tell_time(order, start, len(jobs), time.monotonic() - began)
        some = jobs[start : start + size]
        if us.follows:
            prompts, seeds = [job.prompt for job in some], [job.seed for job in some]
            for _ in events_of(order, pipeline, prompts, seeds):
                pass
        else:
            _draw(order, pipeline, some, outcome)
    return outcome


def _waiting(order: Order, jobs: list[BatchJob], outcome: BatchOutcome) -> Iterator[BatchJob]:
    """What is left to draw: neither there already nor refused."""
    console = order.telling.console
    for job in jobs:
        try:
            order.check_prompt(job.prompt)
        except ValueError as refused:
            _fail(order, job, str(refused), outcome)
            continue
        if _is_done(order, job):
            console.print(f"{job.folder} is there already: skipped", style="dim", markup=False)
            outcome.skipped.append(str(job.folder))
        else:
            yield job


def _draw(order: Order, pipeline: "Pipeline", jobs: list[BatchJob], outcome: BatchOutcome) -> None:
    """Draw some jobs together, or where that fails each by itself, which tells whose fault it is, and needs
    less memory. Processes that draw the same with this one would not know of it: there all stop."""
    console, failure, traces = order.telling.console, None, list[Trace]()
    try:
        with ExitStack() as stack:
            folders = [stack.enter_context(EpisodeFolder(job.folder)) for job in jobs]
            if len(jobs) == 1:
                (job,) = jobs
                console.print(Text.assemble(f"\n{job.folder.name} ", (job.prompt, "bold")))
                traces = [draw(order, pipeline, job.prompt, job.seed, folders[0])]
            else:
                console.print(f"\n{jobs[0].folder.name} to {jobs[-1].folder.name}: {len(jobs)} together")
                traces = _draw_together(order, pipeline, jobs, folders)
    except (ValueError, MemoryError, RuntimeError) as error:
        too_many = len(jobs) > 1 and is_out_of_memory(error)
        if not (too_many or isinstance(error, ValueError)) or pipeline.parts.team.world > 1:
            raise
        failure = "out of memory: --batch with a smaller number needs less" if too_many else str(error)
    # Outside of the handler, where the error would still hold the memory of what failed.
    if failure is None:
        for job, trace in zip(jobs, traces, strict=True):
            print_places(job.folder, trace, console)
            outcome.made.append(summary(job.folder, trace))
    elif len(jobs) == 1:
        _fail(order, jobs[0], failure, outcome)
    else:
        console.print(Text.assemble(("  failed together: ", "bold red"), failure))
        for job in jobs:
            _draw(order, pipeline, [job], outcome)


def _draw_together(
    order: Order, pipeline: "Pipeline", jobs: list[BatchJob], folders: list[EpisodeFolder]
) -> list[Trace]:
    given = order.gives_first
    recorders = [
        Recorder(folder, order.judge(job.prompt), given) for folder, job in zip(folders, jobs, strict=True)
    ]
    prompts, seeds = [job.prompt for job in jobs], [job.seed for job in jobs]
    with bars(order.telling.console, transient=True) as move:
        for row, event in events_of(order, pipeline, prompts, seeds):
            recorders[row].take(event)
            if row == 0 and isinstance(event, DenoisingStep):
                move(f"images {event.turn}", event.total, completed=event.index)
    return [recorder.trace for recorder in recorders if recorder.trace is not None]


def _fail(order: Order, job: BatchJob, error: str, outcome: BatchOutcome) -> None:
    said = Text.assemble(f"{job.folder.name} ", (job.prompt, "bold"), ("\n  failed: ", "bold red"), error)
    order.telling.console.print(said)
    outcome.failed.append({"number": job.number, "prompt": job.prompt, "error": error})


def read_prompts(file: Path) -> list[str]:
    """The lines of a file that say something. Raises ValueError where none does."""
    prompts = [line.strip() for line in read_lines(file) if line.strip()]
    if not prompts:
        raise ValueError(f"{file} holds no prompts: expected one on each line")
    return prompts


def _tell_time(order: Order, done: int, total: int, seconds: float) -> None:
    """How long the rest will take, where that is long."""
    if (left := seconds / done * (total - done)) > _LONG:
        said = f"about {left / 60:.0f} minutes for the {total - done:,} prompts that are left"
        order.telling.console.print(said, style="dim")


def _is_done(order: Order, job: BatchJob) -> bool:
    """Whether the folder holds this very episode: the same prompt, seed, settings, weights and picture."""
    try:
        trace = Trace.load(job.folder)
    except (ValueError, OSError):
        return False  # absent, or not whole: it is drawn, which also replaces what is there
    checkpoint = order.choice.checkpoint
    plan = json.loads(json.dumps(order.plan(checkpoint.settings).as_json()))
    if not _begins_with(trace, order):
        return False
    wanted = job.prompt, job.seed, plan, [checkpoint.identity.get(name) for name in IDENTITY]
    return wanted == (trace.prompt, trace.seed, trace.settings, [trace.model.get(name) for name in IDENTITY])


def _begins_with(trace: Trace, order: Order) -> bool:
    """Whether an episode begins with the picture of the order, or with none where that has none."""
    given = next((turn.image for turn in trace.turns if turn.given), trace.source)
    wanted = order.picture
    if wanted is not None and order.gives_first:
        wanted = order.choice.checkpoint.settings.clean(wanted)
    if given is None or wanted is None:
        return given is wanted
    return given.size == wanted.size and given.tobytes() == wanted.tobytes()


def _print_outcome(order: Order, outcome: BatchOutcome) -> None:
    counts = f"{len(outcome.made)} made, {len(outcome.skipped)} skipped, {len(outcome.failed)} failed"
    order.telling.console.print(f"\n{counts}", style="bold")
    for one in outcome.failed:
        why = one["error"].partition("\n")[0]
        said = f"failed {one['number']:04d} {one['prompt'][:80]!r}: {why}"
        err.print(said, markup=False, soft_wrap=True)
