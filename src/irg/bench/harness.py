"""The harness: draws what a run does not hold yet, batch by batch, in this process, in several, or on a
cluster.

A run is made of series, each with a store of its own, and a series of batches. What is done is kept batch by
batch, so that an interrupted run goes on where it stopped. A batch is computed alike wherever it is computed,
and by however many processes: two of one thread each draw faster than one of two.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from irg.bench.store import Key, SeriesStore, StoredRecord
from irg.stages.cluster import Cluster, cause_of

if TYPE_CHECKING:
    import torch

MadeT = TypeVar("MadeT", bound=StoredRecord, covariant=True)
RecordT = TypeVar("RecordT", bound=StoredRecord)
Progress = Callable[[int, int], None]
"""Told how much is done, and how much there is in all."""


@dataclass(frozen=True)
class DrawnBatch(Generic[MadeT]):
    """What came of a batch: its records, and the pictures to be kept, as PNG by their names."""

    records: tuple[MadeT, ...]
    pictures: Mapping[str, bytes]


class Batch(Protocol[MadeT]):
    """Part of a series that is drawn at once: what it will add, and how much work that is, for showing."""

    @property
    def series(self) -> str: ...

    @property
    def keys(self) -> Iterable[Key]: ...

    @property
    def amount(self) -> int: ...

    def draw(self) -> DrawnBatch[MadeT]: ...


def usual_workers(device: "torch.device") -> int:
    """A process for each core; one on a GPU, which a batch fills better."""
    if device.type != "cpu":
        return 1
    usable: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def draw_missing(
    batches: Sequence[Batch[RecordT]],
    stores: Mapping[str, SeriesStore[RecordT]],
    workers: int = 1,
    progress: Progress | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Draw every batch that the store of its series does not hold yet, by so many processes, or a cluster."""
    missing = [batch for batch in batches if not stores[batch.series].has(batch.keys)]
    total, left = (sum(batch.amount for batch in some) for some in (batches, missing))

    def keep(batch: Batch[RecordT], drawn: DrawnBatch[RecordT]) -> None:
        nonlocal left
        stores[batch.series].add(drawn.records, drawn.pictures)
        left -= batch.amount
        if progress is not None:
            progress(total - left, total)

    if progress is not None:
        progress(total - left, total)
    if cluster is None:
        draw_all(missing, workers, keep)
    elif missing:
        draw_on_cluster(missing, cluster, keep)


def draw_all(
    work: Sequence[Batch[RecordT]], workers: int, done: Callable[[Batch[RecordT], DrawnBatch[RecordT]], None]
) -> None:
    """Draw every batch, by so many processes, and tell of each as it is finished, in whatever order.

    An error in a process, or an interruption here, ends them all; what was told of stays told. For several
    processes batches must be picklable.
    """
    if workers == 1 or len(work) < 2:
        for batch in work:
            done(batch, batch.draw())
        return
    with _processes(min(workers, len(work))) as pool:
        waiting = {pool.submit(batch.draw): batch for batch in work}
        for future in as_completed(waiting):
            done(waiting[future], future.result())


def draw_on_cluster(
    work: Sequence[Batch[RecordT]],
    cluster: Cluster,
    done: Callable[[Batch[RecordT], DrawnBatch[RecordT]], None],
) -> None:
    """The same on a cluster, one batch at a time on each device. What is drawn travels to this process, which
    alone writes; a batch whose worker dies is drawn by another."""
    with cluster.connected() as machines:
        import ray
        from ray.exceptions import RayTaskError

        idle = machines.device_actors(_Drawer)
        actors, left, drawing = tuple(idle), list(reversed(work)), {}
        try:
            while left or drawing:
                while left and idle:
                    actor, batch = idle.pop(), left.pop()
                    drawing[actor.draw.remote(batch)] = actor, batch
                (ready, *_), _ = ray.wait(list(drawing))
                actor, batch = drawing.pop(ready)
                done(batch, ray.get(ready))
                idle.append(actor)
        except RayTaskError as error:
            cause = cause_of(error)
        else:
            return
        finally:
            for actor in actors:
                ray.kill(actor)
    raise cause


class _Drawer:
    """An actor that draws; what it has loaded stays."""

    def draw(self, batch: Batch[Any]) -> DrawnBatch[Any]:
        return batch.draw()


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
    import torch

    # Ctrl-C reaches all processes of a terminal; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A parent that is killed ends no pool; its children would wait for work for good."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in a process of a pool"
    wait([parent.sentinel])
    os._exit(1)
