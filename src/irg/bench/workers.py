"""Batches of a comparison, drawn in this process or in several, with the same results.

A batch is computed alike wherever it is computed: on a CPU always with one thread. Two processes of one
thread each draw faster than one of two.
"""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import torch

from irg.bench.checkpoints import loaded, one_thread
from irg.bench.scene.conditions import Scope
from irg.bench.scene.records import Record
from irg.bench.scene.trials import Trial
from irg.core.trace import png
from irg.pipeline.load import Checkpoint


@dataclass(frozen=True)
class Batch:
    """Some prompts that a checkpoint draws, for the series of that name. Of the rows `shown` the pictures
    under the conditions `show` are wanted as well."""

    series: str
    checkpoint: Checkpoint
    records: tuple[Record, ...]
    scope: Scope
    show: tuple[str, ...] = ()
    shown: tuple[int, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """What came of a batch: its records with their results, and pictures as PNG by "condition-index"."""

    records: tuple[Record, ...]
    pictures: dict[str, bytes]


def draw_batch(batch: Batch) -> Drawn:
    on_cpu = batch.checkpoint.torch_device.type == "cpu"
    with one_thread() if on_cpu else contextlib.nullcontext():
        trial = Trial(loaded(batch.checkpoint), batch.records, batch.scope)
        trial.run()
    pictures = {
        f"{name}-{batch.records[row].index}": png(trial.images[name][row])
        for name in batch.show
        for row in batch.shown
    }
    return Drawn(tuple(trial.records), pictures)


def draw_all(work: Seq[Batch], workers: int, done: Callable[[Batch, Drawn], None]) -> None:
    """Draw every batch, by so many processes, and tell of each as it is finished, in whatever order.

    An error in a process, or an interruption here, ends them all; what was told of stays told.
    """
    if workers == 1 or len(work) < 2:
        for batch in work:
            done(batch, draw_batch(batch))
        return
    with _processes(min(workers, len(work))) as pool:
        waiting = {pool.submit(draw_batch, batch): batch for batch in work}
        for future in as_completed(waiting):
            done(waiting[future], future.result())


@contextlib.contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """New processes, so that no pool of threads and no lock is inherited; ended at once on any error."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    # Ctrl-C reaches all processes of a terminal; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
