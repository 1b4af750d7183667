"""The runner: a few shards under way at a time, each going through the stages wherever a pool takes it.

The number of shards under way bounds memory and is all the back-pressure there is: a shard is made when one
has been selected. While one is drawn on the device, others wait for endpoints or are judged on the CPU.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import Field

from irg.core.settings import BaseSettings
from irg.stages.flow import Job, advance, advance_async
from irg.stages.shards import Mark, Outcome, Shard, Tally
from irg.stages.stage import EndpointStage, Loaded, Resource, StopRun

Watch = Callable[[str, Outcome], None]
"""Told of every stage's outcome, by the stage's name, in the driver."""


class Concurrency(BaseSettings):
    """What decides on the time a run takes and not on what it makes."""

    shards: int = Field(default=4, ge=1)
    """Shards under way at once."""
    cpu: int = Field(default=2, ge=1)
    """Threads for stages that compute on the CPU."""
    device: int = Field(default=1, ge=1)
    """Threads for stages that draw: one is enough for a GPU; without one, as many as there are cores, and
    one thread for each picture batch."""


@dataclass
class Progress:
    """What a run has come to so far: what each stage did, by name, in the order of the stages."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)
    """Records that a stage need not touch, since an earlier run had."""
    num_shards: int = 0
    """Shards that were selected."""
    stopped: str | None = None
    """Why the run ended before all was done, if it did."""

    def add(self, name: str, outcome: Outcome) -> None:
        self.tallies[name] = self.tallies.get(name, Tally()) + outcome.tally
        self.reused[name] = self.reused.get(name, 0) + (outcome.tally.taken if outcome.reused else 0)


class Pool(Protocol):
    """Where shards go through the stages of a job. What a stage makes is in the store before it is told."""

    @property
    def num_shards(self) -> int:
        """How many shards are under way at once."""
        ...

    def taken(self, shard: Shard) -> Shard:
        """What the driver keeps of a shard that waits to go through the stages."""
        ...

    def through(self, shard: Shard) -> AsyncIterator[Outcome]:
        """The outcomes of the stages, in their order."""
        ...

    def close(self) -> None:
        """Free what the stages have loaded."""
        ...


def run(job: Job, limits: Concurrency | None = None, watch: Watch | None = None) -> Progress:
    """Bring all shards of a job through its stages in this process, as `run_on` does."""
    return run_on(Threads(job, limits or Concurrency()), job, watch)


def run_on(pool: Pool, job: Job, watch: Watch | None = None) -> Progress:
    """Bring all shards of a job through its stages, until all are selected or a stage stops the run.

    Whatever a stage raises beside `StopRun` is raised here. What is finished stays in the store.
    """
    runner = _Runner(job, pool, watch)
    try:
        asyncio.run(runner.run())
    finally:
        pool.close()
    return runner.progress


class Threads:
    """The pool of one process: threads for stages that compute, the event loop for those that wait."""

    def __init__(self, job: Job, limits: Concurrency) -> None:
        self.job, self.num_shards = job, limits.shards
        self.pools = {
            Resource.CPU: ThreadPoolExecutor(limits.cpu, "cpu"),
            Resource.DEVICE: ThreadPoolExecutor(limits.device, "device"),
        }

    def taken(self, shard: Shard) -> Shard:
        return shard

    async def through(self, shard: Shard) -> AsyncIterator[Outcome]:
        loop, store = asyncio.get_running_loop(), self.job.store
        for stage in self.job.stages:
            if isinstance(stage, EndpointStage):
                outcome = await advance_async(store, stage, shard)
            else:
                outcome = await loop.run_in_executor(self.pools[stage.resource], advance, store, stage, shard)
            yield outcome
            shard = outcome.shard

    def close(self) -> None:
        for pool in self.pools.values():
            pool.shutdown(cancel_futures=True)
        for stage in self.job.stages:
            if isinstance(stage, Loaded):
                stage.retire()


class _Runner:
    def __init__(self, job: Job, pool: Pool, watch: Watch | None) -> None:
        self.job, self.pool, self.watch = job, pool, watch
        self.progress = Progress()
        self.under_way: deque[asyncio.Task[Shard]] = deque()

    async def run(self) -> None:
        previous: Mark | None = None
        try:
            async for made in self.job.source.shards():
                self._tell(self.job.source.identity.name, made)
                while len(self.under_way) >= self.pool.num_shards:
                    await self._select()
                lineage = self.job.lineage(made.shard)
                previous = self.job.selector.expect(lineage[-1], previous)
                through = self._through(self.pool.taken(made.shard), (*lineage, previous))
                self.under_way.append(asyncio.create_task(through))
            while self.under_way:
                await self._select()
        except StopRun as stop:
            self.progress.stopped = str(stop)
            # What is under way is paid for: it goes as far as it can, and waits in the store for another run.
            await asyncio.gather(*self.under_way, return_exceptions=True)
        finally:
            for task in self.under_way:
                task.cancel()

    async def _through(self, shard: Shard, lineage: tuple[Mark, ...]) -> Shard:
        """The shard after all stages; one that an earlier run selected only as a name for its lineage."""
        if self.job.store.has(shard.number, lineage[-1]):
            return Shard(shard.number, lineage, ())
        async for outcome in self.pool.through(shard):
            self._tell(outcome.shard.mark.name, outcome)
            shard = outcome.shard
        return shard

    async def _select(self) -> None:
        """Wait for the oldest shard under way, and take it through the selection."""
        shard, selector = await self.under_way[0], self.job.selector
        self.under_way.popleft()
        if shard.mark.name == selector.stage.identity.name:
            for mark in shard.lineage[1:-1]:
                tally = self.job.store.tally(shard.number, mark)
                self._tell(mark.name, Outcome(shard, tally, reused=True))
            outcome = await asyncio.to_thread(selector.recall, shard.number, shard.lineage)
        else:
            outcome = await asyncio.to_thread(selector.take, shard)
        self._tell(selector.stage.identity.name, outcome)
        self.progress.num_shards += 1

    def _tell(self, name: str, outcome: Outcome) -> None:
        self.progress.add(name, outcome)
        if self.watch is not None:
            self.watch(name, outcome)
