"""Streaming shards through the workers of a cluster with Ray Data.

A dataset whose rows are parcels (`irg.curate.ray_parcel`): one endless reading task, which takes what the
driver puts into a feed, and one operator per span of stages. Ray Data moves rows on as they are ready, holds
them back where too many bytes wait, and does again what a lost worker was doing.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from irg.curate.ray_cluster import Machines, pinned
from irg.curate.ray_parcel import Parcel, Span, from_table, to_table
from irg.curate.shards import Mark, Shard
from irg.curate.stage import Resource

if TYPE_CHECKING:
    import pyarrow as pa
    from ray.data import Dataset

_BEAT = 1.0
"""Seconds after which the driver looks whether the feed still has all it was given."""
_LITTLE = 0.01
"""CPUs that an actor is said to take which mostly waits, or has a device of its own. Not nothing: Ray Data
would join it with the reading before it, into one task."""
_SPARE = 0.99
"""Of the CPUs: sums of shares are not exact."""

Item = tuple[int, dict[str, str]]
"""A shard's number, and its mark as proposed."""


class Feed:
    """What the driver hands to the cluster: shards by number and mark, one after the other, until closed.

    They wait in an actor beside the driver. It may die and be restarted empty: the driver remembers all.
    """

    def __init__(self, machines: Machines) -> None:
        import ray

        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        self.actor: Any = ray.remote(**options, **pinned(machines.driver))(_Shelf).remote()
        self.is_closed = False
        self._items: list[Item] = []
        self._changed = asyncio.Event()

    def add(self, number: int, mark: Mark) -> None:
        self._items.append((number, asdict(mark)))
        self._changed.set()

    def close(self) -> None:
        """No more shards; those in it still go on their way."""
        self.is_closed = True
        self._changed.set()

    async def deliver(self) -> None:
        """Wait until there is something new, but not for long, and see that the actor has everything."""
        with suppress(TimeoutError):
            # Not `wait_for`: in Python 3.11 it forgets a cancellation that comes with what it waits for.
            async with asyncio.timeout(_BEAT):
                await self._changed.wait()
        self._changed.clear()
        known = len(self._items)
        while (count := await self._extend(known)) < len(self._items):
            known = count

    async def _extend(self, start: int) -> int:
        return await self.actor.extend.remote(start, self._items[start:], self.is_closed)


class _Shelf:
    """The actor of a feed."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.is_closed = False
        self.changed = asyncio.Condition()

    async def extend(self, start: int, items: list[Item], is_closed: bool) -> int:
        """Take items, which begin at `start`. Returns how many there are now: where to go on from."""
        async with self.changed:
            if start <= len(self.items):
                self.items[start:] = items
                self.is_closed = is_closed
                self.changed.notify_all()
            return len(self.items)

    async def get(self, position: int) -> Item | None:
        """The item at a position, as soon as there is one; None after the last."""
        async with self.changed:
            await self.changed.wait_for(lambda: position < len(self.items) or self.is_closed)
            return self.items[position] if position < len(self.items) else None


def stream(feed: Feed, spans: Sequence[Span], machines: Machines, num_shards: int) -> "Iterator[pa.Table]":
    """Parcels (`from_table`) as they have gone through all spans, until the feed is closed and empty."""
    import ray.data

    # Without progress bars of its own, which are ours to draw, Ray Data warns that it has none.
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = -1  # a shard may take hours
    context.target_max_block_size = 1  # every row goes on by itself, at once
    context.issue_detectors_config.detectors = []  # they advise to declare memory, which nobody can know
    with ray.data.DataContext.current(context):
        dataset = ray.data.read_datasource(_source(feed.actor), num_cpus=0, override_num_blocks=1)
        shares = Shares.of(machines, spans)
        for span in spans:
            dataset = _through(dataset, span, shares, num_shards)
        batches = dataset.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0)
    return iter(batches)


@dataclass(frozen=True)
class Shares:
    """What each worker takes of a cluster, such that one for every span fits into it at the same time.

    Ray Data grants the first operators what they need, and the later ones what is left, in the belief that
    the first will end before. Here all end together.
    """

    cpus: float
    """Of a task that computes."""
    gpus: float
    """Of an actor with a device."""
    actors: int
    """The most of these for a span."""

    @classmethod
    def of(cls, machines: Machines, spans: Sequence[Span]) -> "Shares":
        wanted = Counter(span.resource for span in spans)
        num_tasks, num_devices = wanted[Resource.CPU], wanted[Resource.DEVICE]
        gpus = min(1.0, machines.gpus / max(1, num_devices))
        actors = max(1, int(machines.gpus) - num_devices + 1) if gpus else len(machines.nodes)
        left = machines.cpus - _LITTLE * (wanted[Resource.ENDPOINT] + num_devices * actors)
        return cls(min(1.0, _SPARE * left / max(1, num_tasks)), gpus, actors)


def _through(dataset: "Dataset", span: Span, shares: Shares, num_shards: int) -> "Dataset":
    """The rows of a dataset after a span, one at a time, by the workers that it wants."""
    from ray.data import ActorPoolStrategy

    def through(worker: Any, **options: Any) -> "Dataset":
        return dataset.map_batches(worker, batch_size=1, batch_format="pyarrow", **options)

    match span.resource:
        case Resource.CPU:
            return through(_compute, fn_args=(span,), num_cpus=shares.cpus)
        case Resource.ENDPOINT:
            pool = ActorPoolStrategy(
                size=1, max_tasks_in_flight_per_actor=num_shards, max_concurrent_calls_per_actor=num_shards
            )
            return through(_Waiting, fn_constructor_args=(span,), compute=pool, num_cpus=_LITTLE)
        case Resource.DEVICE:
            pool = ActorPoolStrategy(min_size=1, max_size=shares.actors, max_tasks_in_flight_per_actor=2)
            options = {"num_cpus": _LITTLE, "num_gpus": shares.gpus}
            return through(_Computing, fn_constructor_args=(span,), compute=pool, **options)


def _compute(table: "pa.Table", span: Span) -> "pa.Table":
    return to_table(span.run(from_table(table)))


class _Computing:
    """An actor that keeps what its stages have loaded."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def __call__(self, table: "pa.Table") -> "pa.Table":
        return _compute(table, self.span)


class _Waiting:
    """An actor that has many shards in hand at once; its stages bound what they have in flight."""

    def __init__(self, span: Span) -> None:
        self.span = span

    async def __call__(self, table: "pa.Table") -> "pa.Table":
        parcel = await asyncio.to_thread(from_table, table)
        return await asyncio.to_thread(to_table, await self.span.run_async(parcel))


def _source(actor: Any) -> Any:
    """What Ray Data reads: one endless task. When its worker is lost it begins anew, with the same rows."""
    import ray
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    def read() -> "Iterator[pa.Table]":
        position = 0
        while (item := ray.get(actor.get.remote(position))) is not None:
            number, mark = item
            yield to_table(Parcel(Shard(number, (Mark(**mark),), ())))
            position += 1

    class FeedSource(Datasource):
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(
            self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
        ) -> list[ReadTask]:
            unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
            return [ReadTask(read, unknown)]

    return FeedSource()
