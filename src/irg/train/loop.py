"""The training loop of the unified model, on one process or on many.

irg train RECIPE.yaml
torchrun --nproc-per-node N -m irg train RECIPE.yaml
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn
from torch.distributed.tensor import DTensor

from irg.data.compose import Composer
from irg.data.loader import LoadedStep, StepLoader
from irg.run.average import Average
from irg.run.checkpoint import Checkpoints
from irg.run.flops import peak_flops
from irg.run.metrics import MetricsLog, Work, peak_memory
from irg.run.optimizers import Optimizers
from irg.run.parallel import Layout, Precision, joined
from irg.run.rejections import Rejections
from irg.run.rng import restore_rng, rng_state, seed_rng
from irg.run.saved import steps_in
from irg.run.state import model_state, optimizer_state
from irg.train.assemble import build, parts_of
from irg.train.dataset import data_of
from irg.train.evaluation import Evaluator
from irg.train.export import Choice, export_run
from irg.train.settings import TrainRecipe
from irg.train.step import Outcome, Stepper

CHECKPOINTS = "checkpoints"
"""In a run's folder: the states it can go on from."""
EXPORTED = "checkpoint"
"""In a run's folder: the finished model."""

_console = Console(stderr=True, highlight=False)


def train(recipe: TrainRecipe, resume: bool = False, strict: bool = False) -> Path:
    """Run the recipe; leaves a checkpoint folder of averaged weights at `recipe.out / "checkpoint"`.

    `resume` goes on from the newest checkpoint in `recipe.out`, if there is one; without it, a folder that
    already holds a run is an error. `strict` stops at the first row that cannot be used. Asked to stop (by
    Ctrl-C or SIGTERM), it saves its state after the current step and raises KeyboardInterrupt.
    """
    states = recipe.out / CHECKPOINTS
    if not resume and states.is_dir() and (steps := steps_in(states)):  # known before a model is loaded
        raise _already(recipe, steps[-1])
    with joined(recipe.device) as layout:
        run = Run(recipe, layout, strict)
        run.begin(resume)
        if layout.is_first:
            recipe.save()
        run.go_on()
        return run.finish()


class Run:
    """Everything of a run that lasts longer than a step."""

    def __init__(self, recipe: TrainRecipe, layout: Layout, strict: bool) -> None:
        self.recipe, self.layout = recipe, layout
        parts = parts_of(recipe)
        self.config = parts.config
        self.checkpoints = Checkpoints(
            recipe.out / CHECKPOINTS,
            recipe.checkpoint.keep,
            _identity(recipe) | {"model": asdict(parts.config)},
        )
        self.objective = build(recipe, parts.config, layout)
        self.model = self.objective.model
        self.average = Average(self.model, recipe.ema, recipe.ema_warmup)
        self.optimizers = Optimizers(self.model, recipe.optimizer)
        with _first_alone(layout):  # the others find its survey of the data
            self.data = data_of(recipe, recipe.data, parts, layout.world, strict)
        self.loader = StepLoader(
            self.data.planner, self.data.preparer, layout.rank, layout.world, recipe.workers, strict
        )
        precise = recipe.parallel.precision is Precision.FLOAT32
        autoencoder = parts.autoencoder(layout.device, torch.float32 if precise else torch.bfloat16)
        composer = Composer(parts.config, autoencoder, recipe.noising, recipe.dropout, recipe.remember)
        self.stepper = Stepper(
            self.objective, composer, parts.tokenizer.special, layout, recipe.parallel, recipe.loss
        )
        self.evaluator = (
            Evaluator(recipe, parts, self.stepper, self.average, strict) if recipe.evaluation else None
        )
        self.rejections = Rejections(recipe.out, layout)
        self.missing: Counter[str] = Counter()
        self.step = self.looked = self.saved = 0
        self.last = recipe.stop_at or recipe.steps

    def begin(self, resume: bool) -> None:
        """Start at step 0, or where the newest checkpoint left off."""
        newest = self.checkpoints.latest()
        if newest is None:
            seed_rng(self.recipe.seed, self.layout)
        else:
            if not resume:
                raise _already(self.recipe, newest)
            plain = self.checkpoints.load(newest, self._tensors())
            self.step = plain["step"]
            self.data.planner.load_state_dict(plain["plan"])
            restore_rng(plain["rng"], self.layout)
        known = self.data.survey.rejected + (self.evaluator.known if self.evaluator else ())
        self.rejections.begin(known, self.step)
        self.rejections.add(self.evaluator.met if self.evaluator else (), 0)

    def go_on(self) -> None:
        """Step until the recipe's end, or until any process is asked to stop."""
        log = MetricsLog(
            self.recipe.out, self.recipe.log, self.last, self.step, silent=not self.layout.is_first
        )
        loaded: LoadedStep | None = None
        with log, _listening() as asked, self.loader:
            if self.last is not None and self.step >= self.last:
                return
            for loaded in self.loader:
                outcome = self._take(loaded, log, asked.is_set())
                is_last = self.last is not None and self.step >= self.last
                self._look(log, is_last)
                if self.step % self.recipe.checkpoint.every == 0 or is_last or outcome.stop:
                    self._save(loaded)
                if outcome.stop:
                    self.checkpoints.wait()
                    raise KeyboardInterrupt
                if is_last:
                    break
            if self.last is None and loaded is not None:
                # The epochs are over, which shows only when there is no further step.
                self._look(log, is_last=True)
                self._save(loaded)
        self.checkpoints.wait()

    def finish(self) -> Path:
        """Export the averaged weights as a checkpoint folder, and tell of the rows that were rejected."""
        self.rejections.report(_console)
        if self.layout.is_first:
            for stream, count in self.missing.items():
                _console.print(f"{count} steps had no room for a document of {stream}", style="yellow")
        folder = self.recipe.out / EXPORTED
        if self.layout.is_first:
            export_run(self.recipe, self.recipe.out / CHECKPOINTS, folder, Choice(self.step))
        self.layout.wait()
        return folder

    def _take(self, loaded: LoadedStep, log: MetricsLog, asked_to_stop: bool) -> Outcome:
        """One step: gradients over the global batch, clipping, optimizers, average, account."""
        started, recipe = time.perf_counter(), self.recipe
        self.rejections.add(loaded.rejected, self.step + 1)
        self.missing.update(loaded.planned.missing)
        forwards = self.stepper.forwards(loaded.rows, recipe.batch.accumulate)
        outcome = self.stepper.backward(forwards, asked_to_stop)
        norm = nn.utils.clip_grad_norm_(self.optimizers.parameters, recipe.clip)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        factor = recipe.schedule.factor(self.step, recipe.steps)
        self.optimizers.step(factor)
        self.optimizers.zero_grad()
        self.step += 1
        self.average.update(self.step)
        values = outcome.losses | {"norm": norm.item(), "rate": recipe.optimizer.rate * factor}
        seconds = time.perf_counter() - started + loaded.seconds_waited
        work = Work(
            outcome.documents, outcome.tokens, loaded.capacity, outcome.flops, seconds, loaded.seconds_waited
        )
        peak = peak_flops(self.layout.device)
        speeds = work.speeds(None if peak is None else peak * self.layout.world)
        log.record(self.step, values, speeds | {"memory": peak_memory(self.layout.device)})
        return outcome

    def _look(self, log: MetricsLog, is_last: bool) -> None:
        evaluation = self.recipe.evaluation
        due = evaluation is not None and (self.step % evaluation.every == 0 or is_last)
        if self.evaluator and due and self.looked < self.step:
            self.looked = self.step
            log.record_evaluation(self.step, self.evaluator(self.step))

    def _save(self, loaded: LoadedStep) -> None:
        """Begin to save the state after the step that was made of `loaded`."""
        if self.step == self.saved:  # known to all processes alike, while it may not be on the disk yet
            return
        self.saved = self.step
        plain = {"step": self.step, "plan": loaded.state, "rng": rng_state(self.layout)}
        self.checkpoints.save(self.step, self._tensors(), plain)

    def _tensors(self) -> dict[str, Any]:
        return {
            "model": model_state(self.model, self.recipe.checkpoint.frozen),
            "ema": self.average.values,
            "optimizer": optimizer_state(self.model, self.optimizers.members),
        }


def _already(recipe: TrainRecipe, step: int) -> ValueError:
    return ValueError(
        f"{recipe.out} already holds a run, at step {step}: go on with --resume, or name another folder with "
        "out=DIR"
    )


def _identity(recipe: TrainRecipe) -> dict[str, Any]:
    """What must not change between a run and its continuation."""
    kept = {"init", "preset", "parts", "seed", "data", "batch", "freeze", "lora", "noising", "dropout"}
    content = recipe.model_dump(mode="json", include=kept)
    return content | {"optimizer": str(recipe.optimizer.kind)}


@contextmanager
def _first_alone(layout: Layout) -> Iterator[None]:
    """The first process goes through the block before the others."""
    if not layout.is_first:
        layout.wait()
    yield
    if layout.is_first:
        layout.wait()


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
