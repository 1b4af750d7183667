"""A cluster under the runner: the same stages in Ray's workers, the same files, the same ids and bytes.

What the runner does in threads is done here by tasks, where stages compute on the CPU, by a pool of actors,
where they need a device, and by one asynchronous actor, where they wait for endpoints. Stages in a row that
want the same are a span, which one worker takes a shard through. Between spans a shard lies in the store, on
a file system that all machines share: what travels is its name, and what was done with it.

So a worker that dies costs the stage it was at, which Ray has another do, and a driver is started again.
"""

import asyncio
import os
import platform
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from irg.core.digest import digest_of
from irg.stages.cluster import Cluster, Machines, cause_of, lasting_actor
from irg.stages.flow import Job, advance, advance_async
from irg.stages.runner import Progress, Watch, run_on
from irg.stages.shards import Outcome, Shard
from irg.stages.stage import AnyStage, EndpointStage, Resource
from irg.stages.store import Store

Build = Callable[[], Sequence[AnyStage]]
"""Makes the stages of a run, in whatever process; it can be sent there."""


def run_on_cluster(job: Job, build: Build, cluster: Cluster, watch: Watch | None = None) -> Progress:
    """Bring all shards of a job through its stages, as `irg.stages.runner.run` does, on a cluster.

    Workers do not get the job's stages but `build` them (say `partial(build_stages, recipe)`). `watch` is
    told of shards without their records. Raises ValueError when there is no cluster at the address, or it
    does not see the store.
    """
    with cluster.connected() as machines:
        machines.check_sees(job.store.folder)
        return run_on(Workers(job, build, machines, cluster.shards or machines.default_shards), job, watch)


@dataclass(frozen=True)
class Plant:
    """How a worker comes by the stages of a run: it builds them, since what they hold need not travel.

    `digest` is of the identities that they have in the driver. `run` tells one run from every other: what
    identities do not say, such as where answers are kept, may be different in the next. `folder` is the one
    that the driver works in, which paths in a recipe may be relative to.
    """

    digest: str
    run: str
    folder: Path
    store: Store = field(compare=False, repr=False)
    build: Build = field(compare=False, repr=False)

    @classmethod
    def of(cls, job: Job, build: Build) -> "Plant":
        store = Store(job.store.folder.resolve(), job.store.codec)
        return cls(_digest_of_all(job.stages), secrets.token_hex(8), Path.cwd(), store, build)


@dataclass(frozen=True)
class Span:
    """Stages in a row that one worker takes a shard through: `stop - start` of a run's. What each made is in
    the store before the next begins, so whoever takes over from a worker that died goes on after it."""

    plant: Plant
    start: int
    stop: int
    resource: Resource

    @property
    def stages(self) -> tuple[AnyStage, ...]:
        return _stages_of(self.plant)[self.start : self.stop]

    async def run(self, shard: Shard) -> list[Outcome]:
        """What each stage made of a shard, whose records stay in the store."""
        store, stages, outcomes = self.plant.store, self.stages, []
        shard = await asyncio.to_thread(store.load, shard.number, shard.lineage)
        for stage in stages:
            if isinstance(stage, EndpointStage):
                outcome = await advance_async(store, stage, shard)
            else:
                outcome = advance(store, stage, shard)
            outcomes.append(replace(outcome, shard=outcome.shard.left))
            shard = outcome.shard
        return outcomes


def spans(plant: Plant, stages: Sequence[AnyStage]) -> list[Span]:
    """The stages of a run in order, those in a row that want the same of a worker together."""
    found: list[Span] = []
    for resource, group in groupby(stages, _resource_of):
        start = found[-1].stop if found else 0
        found.append(Span(plant, start, start + len(tuple(group)), resource))
    return found


class Workers:
    """The pool of a cluster, for a driver that has joined it."""

    def __init__(self, job: Job, build: Build, machines: Machines, num_shards: int) -> None:
        import ray

        self.num_shards, self.machines = num_shards, machines
        self.spans = spans(Plant.of(job, build), job.stages)
        self.task: Any = ray.remote(num_cpus=min(1.0, machines.cpus), max_retries=-1)(_compute)
        self.actors: list[Any] = []
        self.devices: asyncio.Queue[Any] = asyncio.Queue()
        """Actors with a device, as often as they may still be given a shard."""
        wanted = {span.resource for span in self.spans}
        if Resource.DEVICE in wanted:
            self._start_devices()
        if Resource.ENDPOINT in wanted:
            self.waiting = lasting_actor(_Worker, max_concurrency=num_shards)
            self.actors.append(self.waiting)

    def taken(self, shard: Shard) -> Shard:
        return shard.left

    async def through(self, shard: Shard) -> AsyncIterator[Outcome]:
        for span in self.spans:
            for outcome in await self._done(span, shard):
                yield outcome
                shard = outcome.shard

    def close(self) -> None:
        import ray

        for actor in self.actors:
            ray.kill(actor)

    def _start_devices(self) -> None:
        started = self.machines.device_actors(_Worker)
        self.actors += started
        for actor in (*started, *started):  # the second shard waits where the first is drawn
            self.devices.put_nowait(actor)

    async def _done(self, span: Span, shard: Shard) -> list[Outcome]:
        """What a worker made of a shard. Raises what a stage raised there."""
        from ray.exceptions import RayTaskError

        try:
            match span.resource:
                case Resource.CPU:
                    return await self.task.remote(span, shard)
                case Resource.ENDPOINT:
                    return await self.waiting.run.remote(span, shard)
                case Resource.DEVICE:
                    actor = await self.devices.get()
                    try:
                        return await actor.run.remote(span, shard)
                    finally:
                        self.devices.put_nowait(actor)
        except RayTaskError as error:
            cause = cause_of(error)
        raise cause


def _compute(span: Span, shard: Shard) -> list[Outcome]:
    return asyncio.run(span.run(shard))


class _Worker:
    """An actor: it keeps what its stages have loaded."""

    async def run(self, span: Span, shard: Shard) -> list[Outcome]:
        return await span.run(shard)


@lru_cache(maxsize=4)
def _stages_of(plant: Plant) -> tuple[AnyStage, ...]:
    """All stages of a run, built once in a process, which so keeps what they load, in the driver's folder.

    Raises ValueError when they are others than in the driver, and would make something else.
    """
    if plant.folder.is_dir():
        # Elsewhere a recipe with relative paths finds other files, or none, and says so.
        os.chdir(plant.folder)
    stages = tuple(plant.build())
    if (found := _digest_of_all(stages)) != plant.digest:
        raise ValueError(
            f"the stages of this run are others on {platform.node()} than on the driver ({found} for "
            f"{plant.digest}): expected the same files everywhere, and a device and dtype that are named"
        )
    return stages


def _digest_of_all(stages: Sequence[AnyStage]) -> str:
    return digest_of(*(stage.identity.digest for stage in stages))


def _resource_of(stage: AnyStage) -> Resource:
    """What a stage wants of a worker."""
    return Resource.ENDPOINT if isinstance(stage, EndpointStage) else stage.resource
