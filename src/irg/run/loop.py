"""The loop of a training run, for any objective and any feed of rows, on one process or on many."""

import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from irg.data.source import InputLostError
from irg.data.streams import Rejected
from irg.run.average import Average
from irg.run.checkpoint import Checkpoints, NonFiniteError
from irg.run.flops import peak_flops
from irg.run.metrics import MetricsLog, Work, peak_memory
from irg.run.optimizers import Optimizers
from irg.run.parallel import Layout
from irg.run.rejections import Rejections
from irg.run.rng import restore_rng, rng_state, seed_rng
from irg.run.saved import steps_in
from irg.run.settings import NonFinite, RunSettings
from irg.run.state import model_state, optimizer_state
from irg.run.step import Objective, One, Totals, backward
from irg.terminal import err

CHECKPOINTS = "checkpoints"
"""In a run's folder: the states it can go on from."""
_FEED = "plan"
"""What the feed's state is called in a checkpoint: a plan, for stored data."""

_MOST_SKIPPED = 10
"""Steps in a row that may move nothing; after one more the run is past hope."""


Rows = TypeVar("Rows")


@dataclass(frozen=True, eq=False)
class FedStep(Generic[Rows]):
    """One process's share of a step."""

    rows: Rows
    """What the objective makes forwards of."""
    state: dict[str, Any]
    """The feed's state after this step, JSON, the same on all processes: what a checkpoint made now saves."""
    rejected: tuple[Rejected, ...] = ()
    """Rows that this process left out."""
    seconds_waited: float = 0.0
    """How long the process waited for the rows."""
    capacity: int = 0
    """Tokens for which the step has room, on all processes; 0 where rows have no budget."""
    values: Mapping[str, float] = field(default_factory=dict)
    """What is logged of the rows, the same on all processes."""


class Feed(Protocol[Rows]):
    """Where rows come from, step by step: stored data, or episodes drawn with the model as it then is.

    Whatever decides them is in its state and in the run's own (weights, global generators), so that a run
    that goes on is fed what it would have been fed.
    """

    @property
    def known(self) -> tuple[Rejected, ...]:
        """Rows known beforehand not to be usable, the same on every process."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Begin after the step that came with this state."""
        ...

    def __iter__(self) -> Generator[FedStep[Rows]]:
        """The steps that are left; closing it ends the feed's workers."""
        ...


class Evaluator(Protocol):
    """Looks at a run while it trains. Every process takes part; the model holds the averaged weights."""

    @property
    def every(self) -> int:
        """Steps from one look to the next; the end is looked at in any case."""
        ...

    @property
    def known(self) -> tuple[Rejected, ...]:
        """Rows known not to be usable before any was read, the same on every process."""
        ...

    @property
    def met(self) -> tuple[Rejected, ...]:
        """Those that this process met while reading."""
        ...

    def __call__(self, step: int) -> Mapping[str, float]:
        """What to log of the weights after `step` steps."""
        ...


Guard = Callable[[Totals], None]
"""Looks at a step before it moves the weights, at what all processes have alike. Raises StoppedError."""


class StoppedError(Exception):
    """A run is not to go on as it does; the message says why."""


class Run(Generic[Rows, One]):
    """Everything of a run that lasts longer than a step."""

    def __init__(
        self,
        objective: Objective[Rows, One],
        feed: Feed[Rows],
        settings: RunSettings,
        layout: Layout,
        evaluator: Evaluator | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.objective, self.feed, self.evaluator, self.guard = objective, feed, evaluator, guard
        self.settings, self.layout = settings, layout
        self.checkpoints = Checkpoints(
            settings.out / CHECKPOINTS, settings.checkpoint.keep, settings.identity
        )
        self.average = Average(objective.model, settings.ema, settings.ema_warmup)
        self.optimizers = Optimizers(objective.model, settings.optimizer, objective.is_hidden)
        self.rejections = Rejections(settings.out, layout)
        self.step = self.looked = self.saved = 0
        self.skipped = self.skipped_in_a_row = 0

    def begin(self, resume: bool) -> None:
        """Start at step 0, or where the newest checkpoint left off."""
        newest = self.checkpoints.latest()
        if newest is None:
            seed_rng(self.settings.seed, self.layout)
        else:
            if not resume:
                raise already(self.settings.out, newest)
            plain = self.checkpoints.load(newest, self._tensors())
            self.step = plain["step"]
            self.skipped, self.skipped_in_a_row = plain.get("skipped", (0, 0))
            self.feed.restore(plain[_FEED])
            restore_rng(plain["rng"], self.layout)
        known = self.feed.known + (self.evaluator.known if self.evaluator else ())
        self.rejections.begin(known, self.step)
        self.rejections.add(self.evaluator.met if self.evaluator else (), 0)

    def go_on(self) -> None:
        """Step until the end of the run or the feed, or until any process is asked to stop.

        Asked to stop (by Ctrl-C or SIGTERM), it saves its state after the current step and raises
        KeyboardInterrupt.
        """
        settings, last = self.settings, self.settings.last
        log = MetricsLog(settings.out, settings.log, last, self.step, silent=not self.layout.is_first)
        fed: FedStep[Rows] | None = None
        with log, self._settled(), _listening() as asked, closing(iter(self.feed)) as steps:
            if last is not None and self.step >= last:
                return
            for fed in self._fed(steps):
                totals = self._take(fed, log, asked.is_set())
                is_last = last is not None and self.step >= last
                self._look(log, is_last)
                if self.step % settings.checkpoint.every == 0 or is_last or totals.stop:
                    self._save(fed)
                if totals.stop:
                    self.checkpoints.wait()
                    raise KeyboardInterrupt
                if is_last:
                    break
            if last is None and fed is not None:
                # The feed is at its end, which shows only when there is no further step.
                self._look(log, is_last=True)
                self._save(fed)
        self.checkpoints.wait()

    def report(self) -> None:
        """Tell of the rows that were rejected. All processes call it."""
        self.rejections.report(err)

    def _fed(self, steps: Generator[FedStep[Rows]]) -> Iterator[FedStep[Rows]]:
        """The feed's steps. Where any process cannot have the rows of one, what came before is saved."""
        last: FedStep[Rows] | None = None
        while True:
            fed, lost = None, None
            try:
                fed = next(steps, None)
            except OSError as failure:
                lost = failure
            if self.layout.total(torch.tensor(float(lost is not None), device=self.layout.device)) > 0:
                if last is not None:
                    self._save(last)
                self.checkpoints.wait()
                raise lost or InputLostError("another process of this run could not read its rows")
            if fed is None:
                return
            yield fed
            last = fed

    def _take(self, fed: FedStep[Rows], log: MetricsLog, asked_to_stop: bool) -> Totals:
        """One step: gradients over the global batch, clipping, optimizers, average, account."""
        started, settings = time.perf_counter(), self.settings
        self.rejections.add(fed.rejected, self.step + 1)
        totals = backward(self.objective, self.objective.forwards(fed.rows), self.layout, asked_to_stop)
        norm = nn.utils.clip_grad_norm_(self.optimizers.parameters, settings.clip)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        factor = settings.schedule.factor(self.step, settings.steps)
        values = (
            totals.losses | dict(fed.values) | {"norm": norm.item(), "rate": settings.optimizer.rate * factor}
        )
        if self.guard is not None:
            self.guard(totals)
        if moves := self._may_move(totals, norm.item()):
            self.optimizers.step(factor)
        self.optimizers.zero_grad()
        self.step += 1
        if moves:
            self.average.update(self.step)
        if self.skipped:
            values["skipped"] = self.skipped
        waited = fed.seconds_waited
        seconds = time.perf_counter() - started + waited
        work = Work(totals.documents, totals.tokens, fed.capacity, totals.flops, seconds, waited)
        peak = peak_flops(self.layout.device)
        speeds = work.speeds(None if peak is None else peak * self.layout.world)
        log.record(self.step, values, speeds | {"memory": peak_memory(self.layout.device)})
        return totals

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Where a guard or the feed stops the run within the block, what is being saved is saved first."""
        try:
            yield
        except StoppedError:
            self.checkpoints.wait()
            raise

    def _may_move(self, totals: Totals, norm: float) -> bool:
        """Whether a step is fit to move the weights, decided by what all processes have alike.

        One without a document, or to be skipped, is counted. Raises NonFiniteError where the run ends.
        """
        loss, skips = totals.losses["loss"], self.settings.non_finite is NonFinite.SKIP
        is_finite = math.isfinite(loss) and math.isfinite(norm)
        if is_finite and totals.documents:
            self.skipped_in_a_row = 0
            return True
        self.skipped += 1
        self.skipped_in_a_row += 1
        if (is_finite or skips) and self.skipped_in_a_row <= _MOST_SKIPPED:
            return False
        self.checkpoints.wait()
        found = f"the loss is {loss:.4g}, the gradient's length {norm:.4g}"
        wrong = "it is empty" if is_finite else found
        again = f", as {self.skipped_in_a_row - 1} before it" if self.skipped_in_a_row > 1 else ""
        newest = newest_step(self.settings.out)
        saved = "nothing is saved yet" if newest is None else f"step {newest} is saved: go on with --resume"
        other = "" if skips or is_finite else ", a lower rate, or non_finite=skip"
        raise NonFiniteError(
            f"step {self.step + 1} cannot move the weights: {wrong}{again}. Nothing moved; {saved}{other}"
        )

    def _look(self, log: MetricsLog, is_last: bool) -> None:
        if self.evaluator is None or self.looked == self.step:
            return
        if self.step % self.evaluator.every == 0 or is_last:
            self.looked = self.step
            with self.average.swapped_in():
                values = self.evaluator(self.step)
            log.record_evaluation(self.step, values)

    def _save(self, fed: FedStep[Rows]) -> None:
        """Begin to save the state after the step that was made of `fed`."""
        if self.step == self.saved:  # known to all processes alike, while it may not be on the disk yet
            return
        self.saved = self.step
        plain = {"step": self.step, _FEED: fed.state, "rng": rng_state(self.layout)}
        if self.skipped:
            plain["skipped"] = [self.skipped, self.skipped_in_a_row]
        self.checkpoints.save(self.step, self._tensors(), plain)

    def _tensors(self) -> dict[str, Any]:
        model = self.objective.model
        return {
            "model": model_state(model, self.settings.checkpoint.frozen),
            "ema": self.average.values,
            "optimizer": optimizer_state(model, self.optimizers.members),
        }


def newest_step(out: Path) -> int | None:
    """Of the checkpoints in a run's folder; None where it holds none."""
    return max(steps_in(out / CHECKPOINTS), default=None)


def already(out: Path, step: int) -> ValueError:
    """What is wrong with a folder that holds a run, where none is to go on."""
    return ValueError(
        f"{out} already holds a run, at step {step}: go on with --resume, or name another folder with out=DIR"
    )


@contextmanager
def _listening() -> Iterator[threading.Event]:
    """An event that is set when the process is asked to stop. A second Ctrl-C stops at once."""
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    earlier = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
