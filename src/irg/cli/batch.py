"""`irg generate --prompts FILE`: an episode for each line, in numbered folders, going on where it stopped."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from irg.cli.order import Order, draw
from irg.cli.output import EpisodeFolder, make_writable, print_places, remove_empty, summary
from irg.core.files import read_text
from irg.core.trace import Trace
from irg.terminal import err

if TYPE_CHECKING:
    from irg.pipeline import Pipeline


_IDENTITY = ("fingerprint", "dtype")
"""What makes a model the same, wherever its folder lies."""


@dataclass
class BatchOutcome:
    """What became of each prompt, as `--json` prints it."""

    made: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    """Each with the number and the prompt of the line, and why."""


def generate_file(order: Order, file: Path, seed: int, folder: Path) -> BatchOutcome:
    """Draw every prompt of a file. A prompt that fails is counted and shown, and does not stop the others."""
    prompts = _read(file)
    made = make_writable(folder)
    try:
        _refuse_foreign(folder)
        pipeline = order.load([])
        return _generate_all(order, pipeline, prompts, seed, folder)
    finally:
        remove_empty(made)


def _generate_all(
    order: Order, pipeline: "Pipeline", prompts: list[str], seed: int, folder: Path
) -> BatchOutcome:
    outcome, console = BatchOutcome(), order.telling.console
    for number, prompt in enumerate(prompts):
        place = folder / f"{number:04d}"
        console.print(Text.assemble(f"\n[{number + 1}/{len(prompts)}] ", (prompt, "bold")))
        if _is_done(order, pipeline, prompt, seed + number, place):
            console.print(f"  already in {place}: skipped", style="dim", markup=False)
            outcome.skipped.append(str(place))
            continue
        try:
            with EpisodeFolder(place) as episode_folder:
                trace = draw(order, pipeline, prompt, seed + number, episode_folder)
            print_places(place, trace, console)
            outcome.made.append(summary(place, trace))
        except ValueError as error:
            console.print(Text.assemble(("  failed: ", "bold red"), str(error)))
            outcome.failed.append({"number": number, "prompt": prompt, "error": str(error)})
    _print_outcome(order, outcome)
    return outcome


def _read(file: Path) -> list[str]:
    prompts = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    if not prompts:
        raise ValueError(f"{file} holds no prompts: expected one on each line")
    return prompts


def _refuse_foreign(folder: Path) -> None:
    foreign = sorted(path.name for path in folder.iterdir() if not re.fullmatch(r"\d{4,}", path.name))
    if foreign:
        raise ValueError(
            f"{folder} holds {foreign[0]!r}, which is no numbered episode: choose another folder with --out"
        )


def _is_done(order: Order, pipeline: "Pipeline", prompt: str, seed: int, folder: Path) -> bool:
    """Whether the folder holds this very episode: the same prompt, seed, settings and weights."""
    try:
        trace = Trace.load(folder)
    except (ValueError, OSError):
        return False  # absent, or not whole: it is drawn, which also replaces what is there
    plan = json.loads(json.dumps(order.plan(pipeline.settings).as_json()))
    wanted = prompt, seed, plan, [pipeline.identity[name] for name in _IDENTITY]
    return wanted == (trace.prompt, trace.seed, trace.settings, [trace.model.get(name) for name in _IDENTITY])


def _print_outcome(order: Order, outcome: BatchOutcome) -> None:
    counts = f"{len(outcome.made)} made, {len(outcome.skipped)} skipped, {len(outcome.failed)} failed"
    order.telling.console.print(f"\n{counts}", style="bold")
    for one in outcome.failed:
        said = f"failed {one['number']:04d} {one['prompt'][:80]!r}: {one['error'].splitlines()[0]}"
        err.print(said, markup=False, soft_wrap=True)
