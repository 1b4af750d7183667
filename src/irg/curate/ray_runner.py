"""The runner for a cluster: the same stages on Ray Data, the same files, the same ids and bytes.

The driver proposes shards and selects them, in order, as the runner for one process does. Between the two a
shard streams through Ray Data: as tasks where stages compute on the CPU, through a pool of actors where they
need a device, through one asynchronous actor where they wait for endpoints. Back-pressure is Ray Data's, by
the bytes that wait between stages, and a bound on the shards that are under way.

What is finished is in the store, on a file system that all machines share, before anybody hears of it. So a
worker that dies costs the stage it was at, and a driver that dies is started again.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from irg.curate.flow import Job
from irg.curate.ray_cluster import Cluster, Machines
from irg.curate.ray_parcel import Build, Parcel, from_table, spans
from irg.curate.ray_stream import Feed, stream
from irg.curate.runner import Progress, Watch
from irg.curate.shards import Mark, Outcome, Shard
from irg.curate.stage import StopRun

if TYPE_CHECKING:
    import pyarrow as pa

Value = TypeVar("Value")


def run(job: Job, build: Build, cluster: Cluster, watch: Watch | None = None) -> Progress:
    """Bring all shards of a job through its stages, until all are selected or a stage stops the run.

    Workers do not get the job's stages but `build` them (say `partial(build_stages, recipe)`).
    Whatever a stage raises beside `StopRun` is raised here, when what was under way is done. What is finished
    stays in the store. `watch` is told of shards without their records, when they have gone through all
    stages. Raises ValueError when there is no cluster at the address, or it does not see the store.
    """
    with cluster.connected() as machines:
        machines.check_sees(job.store.folder)
        driver = _Driver(job, build, machines, cluster.shards or machines.default_shards)
        driver.watch = watch
        try:
            asyncio.run(driver.run())
        finally:
            driver.close()
    return driver.progress


class _Driver:
    """Three things at once: proposing, collecting what comes back, selecting it in order."""

    def __init__(self, job: Job, build: Build, machines: Machines, num_shards: int) -> None:
        self.job, self.machines, self.num_shards = job, machines, num_shards
        self.spans = spans(job.store, job.stages, build)
        self.watch: Watch | None = None
        self.progress = Progress()
        self.feed = Feed(machines)
        self.places = asyncio.Semaphore(num_shards)
        """For shards that are under way."""
        self.arrivals: asyncio.Queue[Parcel | asyncio.Task[None]] = asyncio.Queue()
        """What has gone through all stages, and tasks that have ended."""
        self.waiting: dict[int, Parcel] = {}
        """Arrived before a shard with a smaller number."""
        self.failure: Exception | None = None
        # A thread each: Ray's iterator wants to be in one, and neither waits for the other.
        self.collecting, self.working = ThreadPoolExecutor(1, "collect"), ThreadPoolExecutor(1, "select")

    async def run(self) -> None:
        tasks = [asyncio.create_task(work()) for work in (self._propose, self._collect, self._keep_fed)]
        for task in tasks:
            task.add_done_callback(self.arrivals.put_nowait)
        ended = 0
        try:
            while ended < 2:
                arrived = await self.arrivals.get()
                if isinstance(arrived, Parcel):
                    await self._take(arrived)
                else:
                    ended += 1
                    arrived.result()
        finally:
            self.feed.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, self.feed.deliver(), return_exceptions=True)
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        for pool in (self.collecting, self.working):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _propose(self) -> None:
        """Send every proposed shard on its way; one that was selected in an earlier run has arrived."""
        previous: Mark | None = None
        try:
            async for proposed in self.job.proposer.shards():
                await self.places.acquire()
                if self.feed.is_closed:
                    return
                shard = proposed.shard
                self._tell(self.job.proposer.identity.name, replace(proposed, shard=_left(shard)))
                lineage = self.job.lineage(shard)
                previous = self.job.selector.expect(lineage[-1], previous)
                if self.job.store.has(shard.number, previous):
                    self.arrivals.put_nowait(Parcel(Shard(shard.number, (*lineage, previous), ())))
                else:
                    self.feed.add(shard.number, shard.mark)
        except StopRun as stop:
            self.progress.stopped = str(stop)
        except Exception as error:  # raised when what is under way is done
            self.failure = error
        self.feed.close()

    async def _collect(self) -> None:
        """Receive what has gone through all stages, in whatever order."""
        tables = await self._in(self.collecting, self._tables)
        while (table := await self._in(self.collecting, partial(next, tables, None))) is not None:
            self.arrivals.put_nowait(from_table(table))

    def _tables(self) -> "Iterator[pa.Table]":
        return stream(self.feed, self.spans, self.machines, self.num_shards)

    async def _keep_fed(self) -> None:
        while True:
            await self.feed.deliver()

    async def _take(self, parcel: Parcel) -> None:
        """Select what can be: shards are selected in order, and none after one that was given up."""
        number = parcel.shard.number
        if number < self.progress.num_shards or number in self.waiting:
            return  # done again after its worker was lost
        for deed in parcel.deeds:
            self._tell(deed.stage, Outcome(parcel.shard, deed.tally, deed.reused))
        if not parcel.is_going:
            self.failure = self.failure or parcel.failure
            self.progress.stopped = self.progress.stopped or parcel.stopped
            self.feed.close()
            self.places.release()
            return
        self.waiting[number] = parcel
        while (ready := self.waiting.pop(self.progress.num_shards, None)) is not None:
            await self._select(ready.shard)
            self.places.release()

    async def _select(self, shard: Shard) -> None:
        selector = self.job.selector
        if shard.mark.name == selector.stage.identity.name:
            for mark in shard.lineage[1:-1]:
                tally = await self._in(self.working, partial(self.job.store.tally, shard.number, mark))
                self._tell(mark.name, Outcome(shard, tally, reused=True))
            outcome = await self._in(self.working, partial(selector.recall, shard.number, shard.lineage))
        else:
            outcome = await self._in(self.working, partial(self._selected, shard))
        self._tell(selector.stage.identity.name, outcome)
        self.progress.num_shards += 1

    def _selected(self, shard: Shard) -> Outcome:
        return self.job.selector.take(self.job.store.load(shard.number, shard.lineage, pictures=False))

    def _tell(self, name: str, outcome: Outcome) -> None:
        self.progress.add(name, outcome)
        if self.watch is not None:
            self.watch(name, outcome)

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(pool, work)


def _left(shard: Shard) -> Shard:
    return replace(shard, records=())
