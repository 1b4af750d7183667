"""The runner for one process: a few shards under way at a time, each stage on as many threads as it may have.

The number of shards under way bounds memory and is all the back-pressure there is: a shard is proposed when
one has been selected. While one is drawn on the device, others wait for endpoints or are judged on the CPU.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from irg.curate.flow import Job, advance, advance_async
from irg.curate.shards import Mark, Outcome, Shard, Tally
from irg.curate.stage import AnyStage, EndpointStage, Resource, StopRun

Watch = Callable[[str, Outcome], None]
"""Told of every stage's outcome, by the stage's name, in the driver."""


@dataclass(frozen=True)
class Limits:
    """How many shards are under way at once, and on how many threads stages compute, on the CPU and on the
    device: one is enough for a GPU, one per core for a small model without one."""

    shards: int = 4
    cpu: int = 2
    device: int = 1

    def __post_init__(self) -> None:
        if min(self.shards, self.cpu, self.device) < 1:
            raise ValueError(f"{self}: expected at least 1 of each")


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


def run(job: Job, limits: Limits | None = None, watch: Watch | None = None) -> Progress:
    """Bring all shards of a job through its stages, until all are selected or a stage stops the run.

    Whatever a stage raises beside `StopRun` is raised here. What is finished stays in the store.
    """
    runner = _Runner(job, limits or Limits(), watch)
    try:
        asyncio.run(runner.run())
    finally:
        runner.close()
    return runner.progress


class _Runner:
    def __init__(self, job: Job, limits: Limits, watch: Watch | None) -> None:
        self.job, self.limits, self.watch = job, limits, watch
        self.progress = Progress()
        self.pools = {
            Resource.CPU: ThreadPoolExecutor(limits.cpu, "cpu"),
            Resource.DEVICE: ThreadPoolExecutor(limits.device, "device"),
        }
        self.under_way: deque[asyncio.Task[Shard]] = deque()

    async def run(self) -> None:
        previous: Mark | None = None
        try:
            async for proposed in self.job.proposer.shards():
                self._tell(self.job.proposer.identity.name, proposed)
                while len(self.under_way) >= self.limits.shards:
                    await self._select()
                lineage = self.job.lineage(proposed.shard)
                previous = self.job.selector.expect(lineage[-1], previous)
                self.under_way.append(
                    asyncio.create_task(self._through(proposed.shard, (*lineage, previous)))
                )
            while self.under_way:
                await self._select()
        except StopRun as stop:
            self.progress.stopped = str(stop)
            # What is under way is paid for: it goes as far as it can, and waits in the store for another run.
            await asyncio.gather(*self.under_way, return_exceptions=True)
        finally:
            for task in self.under_way:
                task.cancel()

    def close(self) -> None:
        for pool in self.pools.values():
            pool.shutdown(cancel_futures=True)
        for stage in self.job.stages:
            stage.retire()

    async def _through(self, shard: Shard, lineage: tuple[Mark, ...]) -> Shard:
        """The shard after all stages; one that an earlier run selected only as a name for its lineage."""
        if self.job.store.has(shard.number, lineage[-1]):
            return Shard(shard.number, lineage, ())
        for stage in self.job.stages:
            outcome = await self._advance(stage, shard)
            self._tell(stage.identity.name, outcome)
            shard = outcome.shard
        return shard

    async def _advance(self, stage: AnyStage, shard: Shard) -> Outcome:
        if isinstance(stage, EndpointStage):
            return await advance_async(self.job.store, stage, shard)
        return await self._in(stage.resource, partial(advance, self.job.store, stage, shard))

    async def _select(self) -> None:
        """Wait for the oldest shard under way, and take it through the selection."""
        shard, selector = await self.under_way[0], self.job.selector
        self.under_way.popleft()
        if shard.mark.name == selector.stage.identity.name:
            for mark in shard.lineage[1:-1]:
                tally = self.job.store.tally(shard.number, mark)
                self._tell(mark.name, Outcome(shard, tally, reused=True))
            outcome = await self._in(Resource.CPU, partial(selector.recall, shard.number, shard.lineage))
        else:
            outcome = await self._in(Resource.CPU, partial(selector.take, shard))
        self._tell(selector.stage.identity.name, outcome)
        self.progress.num_shards += 1

    async def _in(self, resource: Resource, work: Callable[[], Outcome]) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self.pools[resource], work)

    def _tell(self, name: str, outcome: Outcome) -> None:
        self.progress.add(name, outcome)
        if self.watch is not None:
            self.watch(name, outcome)
