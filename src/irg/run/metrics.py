"""Metrics of a run: a JSON line per step on disk, progress on the console, TensorBoard and W&B if asked.

A line's numbers come in two groups: what the step computed, which a resumed run repeats bit for bit, and
after it how fast it went, which no run repeats. Nothing is rounded.
"""

import json
import math
import resource
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from pydantic import Field
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from irg.core.files import write_atomically
from irg.core.settings import BaseSettings
from irg.run.lines import lines_until
from irg.terminal import err

Writer = Callable[[int, Mapping[str, float]], None]
"""Takes a step and its numbers."""

_SAY_EVERY = 10
"""Recorded steps between two lines on a console that cannot show a progress bar."""


class WandbSettings(BaseSettings):
    """Where Weights & Biases keeps the run. WANDB_MODE=offline keeps it in the run's folder."""

    project: str
    entity: str | None = None
    name: str | None = None
    """None: the name of the run's folder."""


class LogSettings(BaseSettings):
    """What is recorded, and where besides `metrics.jsonl`."""

    every: int = Field(default=1, ge=1)
    """Steps from one recorded step to the next; the last is always recorded."""
    tensorboard: bool = False
    """Also write event files into the run's folder `tensorboard`."""
    wandb: WandbSettings | None = None


@dataclass(frozen=True)
class Work:
    """What a step did, over all processes."""

    documents: int
    tokens: int
    capacity: int
    """Tokens that its rows had place for; 0 where rows have no budget."""
    flops: float
    seconds: float
    waited: float
    """Of the seconds, how many went by waiting for data."""

    def speeds(self, peak: float | None = None) -> dict[str, float]:
        """How fast that was. `peak` is what all devices together could do, in FLOP/s; None if not known."""
        speeds = {
            "seconds": self.seconds,
            "data_wait": self.waited / self.seconds,
            "samples_per_second": self.documents / self.seconds,
            "tokens_per_second": self.tokens / self.seconds,
            "tflops": self.flops / self.seconds / 1e12,
        }
        if peak is not None:
            speeds["mfu"] = self.flops / self.seconds / peak
        if self.capacity:
            speeds["padding"] = 1 - self.tokens / self.capacity
        return speeds


def peak_memory(device: torch.device) -> float:
    """The most memory used so far, in bytes: tensors on a GPU, else the whole process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


class MetricsLog:
    """Appends to `metrics.jsonl` and `evaluation.jsonl` in a run's folder, and shows where the run stands.

    A run resumed at step `start` drops the lines it is about to repeat. A silent log does nothing: the other
    processes of a run have nothing to add to the first one's account. `total` None: the end is not known.
    """

    def __init__(
        self, folder: Path, settings: LogSettings, total: int | None, start: int = 0, silent: bool = False
    ) -> None:
        self.folder, self.settings = folder, settings
        self.total, self.start, self.silent = total, start, silent
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        shown = not silent and err.is_terminal
        self._progress = Progress(*columns, console=err, disable=not shown)
        self._task = self._progress.add_task("starting", total=total, completed=start)
        self._writers: list[Writer] = []
        self._recorded = 0

    def __enter__(self) -> Self:
        self._open = ExitStack()
        if self.silent:
            return self
        with ExitStack() as opening:
            self._metrics = _jsonl(self.folder / "metrics.jsonl", self.start, opening)
            self._evaluation = _jsonl(self.folder / "evaluation.jsonl", self.start, opening)
            if self.settings.tensorboard:
                self._writers.append(_tensorboard(self.folder / "tensorboard", self.start, opening))
            if self.settings.wandb is not None:
                self._writers.append(_wandb(self.settings.wandb, self.folder, opening))
            self._progress.start()
            opening.callback(self._progress.stop)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.close()

    def record(
        self, step: int, values: Mapping[str, float], timing: Mapping[str, float] | None = None
    ) -> None:
        """Record what step `step` (from 1) computed, and how fast it went."""
        if self.silent:
            return
        timing = timing or {}
        assert not values.keys() & timing.keys(), "a number is either computed or measured"
        if step % self.settings.every == 0 or step == self.total:
            for write in (self._metrics, *self._writers):
                write(step, {**values, **timing})
            self._recorded += 1
            if self._progress.disable and (self._recorded % _SAY_EVERY == 1 or step == self.total):
                end = "" if self.total is None else f"/{self.total}"
                err.print(f"step {step}{end}  {_shown(values, timing)}", soft_wrap=True)
        self._progress.update(self._task, completed=step, description=_shown(values, timing))

    def record_evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Record losses over held-out data after step `step`."""
        if self.silent:
            return
        self._evaluation(step, values)
        for write in self._writers:
            write(step, {f"evaluation/{name}": value for name, value in values.items()})


def _shown(values: Mapping[str, float], timing: Mapping[str, float]) -> str:
    """What fits on a line: not every mode, of the speeds two."""
    chosen = {name: value for name, value in values.items() if "/" not in name}
    shown = [f"{name} {value:.4g}" for name, value in chosen.items()]
    if "tokens_per_second" in timing:
        shown.append(f"{timing['tokens_per_second']:,.0f} tokens/s")
    if "mfu" in timing:
        shown.append(f"MFU {timing['mfu']:.1%}")
    return "  ".join(shown)


def _jsonl(path: Path, start: int, opening: ExitStack) -> Writer:
    """Appends lines to a file, after dropping those of steps past `start`. JSON has no NaN: that is null."""
    if path.exists():
        write_atomically(path, "".join(line + "\n" for line in lines_until(path, start)))
    file = opening.enter_context(path.open("a"))

    def write(step: int, values: Mapping[str, float]) -> None:
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        file.write(json.dumps({"step": step, **finite}) + "\n")
        file.flush()

    return write


def _tensorboard(folder: Path, start: int, opening: ExitStack) -> Writer:
    from torch.utils.tensorboard import SummaryWriter

    # What an interrupted run wrote past its checkpoint is hidden.
    writer = SummaryWriter(str(folder), purge_step=start + 1)
    opening.callback(writer.close)

    def write(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return write


def _wandb(settings: WandbSettings, folder: Path, opening: ExitStack) -> Writer:
    """W&B goes on with the same run after a resumption, and ignores the steps it has seen already."""
    try:
        import wandb
    except ImportError as missing:
        raise ValueError(f"log.wandb needs a package: pip install wandb ({missing})") from missing
    identity = folder / "wandb_id"
    if not identity.exists():
        write_atomically(identity, uuid.uuid4().hex[:8])
    run = wandb.init(
        project=settings.project,
        entity=settings.entity,
        name=settings.name or folder.resolve().name,
        dir=str(folder),
        id=identity.read_text(),
        resume="allow",
    )
    opening.callback(run.finish)
    return lambda step, values: run.log(dict(values), step=step)
