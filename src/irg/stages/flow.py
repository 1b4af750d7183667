"""A job: where its shards come from, what each goes through, what is decided over all of them.

Three parts, of which a runner does the middle one as it likes:

1. `Job.source` yields the shards in order, in the driver.
2. Each shard goes through `Job.stages` in order: `advance` (or `advance_async`) for each, in any process, on
   any machine that sees the store's folder. Shards are independent of each other and may overtake each other.
   A stage that finds its result in the store does nothing, so whoever dies is simply started again.
3. `Job.selector` takes the shards in the order of their numbers, in the driver. It decides what depends on
   more than one record: near-duplicates, shares. What it needs of a shard is its lineage; records need no
   pictures.

`irg.stages.runner` is the runner. What becomes of the records in the end is the job's own affair.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, Protocol

from irg.core.digest import digest_of
from irg.stages.records import Item
from irg.stages.retry import left_over
from irg.stages.shards import Mark, Outcome, Shard, tally
from irg.stages.stage import (
    AnyStage,
    DirectStage,
    EndpointStage,
    Identity,
    live,
    run_direct,
    run_endpoint,
    settle,
)
from irg.stages.store import Store


class ShardSource(Protocol[Item]):
    """Where records come from. It makes or recalls its shards in order, and has them in the store."""

    @property
    def identity(self) -> Identity: ...

    def shards(self) -> AsyncIterator[Outcome[Item]]: ...


@dataclass(frozen=True)
class Job(Generic[Item]):
    """All that a runner needs."""

    source: "ShardSource[Item]"
    stages: tuple[AnyStage[Item], ...]
    selector: "Selector[Item]"
    store: Store[Item]

    def lineage(self, proposed: Shard) -> tuple[Mark, ...]:
        """The marks that a proposed shard will have when it has gone through all stages."""
        lineage = proposed.lineage
        for stage in self.stages:
            lineage += (lineage[-1].then(stage.identity),)
        return lineage


def advance(store: Store[Item], stage: DirectStage[Item], shard: Shard[Item]) -> Outcome[Item]:
    """One shard through one stage that computes, or its result out of the store."""
    mark = shard.mark.then(stage.identity)
    if known := _known(store, shard, mark):
        return known
    began = perf_counter()
    records = run_direct(stage, shard.records, left_over(store, stage.identity, shard))
    return _keep(store, shard, mark, records, perf_counter() - began)


async def advance_async(store: Store[Item], stage: EndpointStage[Item], shard: Shard[Item]) -> Outcome[Item]:
    """One shard through one stage that waits for endpoints, or its result out of the store."""
    mark = shard.mark.then(stage.identity)
    if known := await asyncio.to_thread(_known, store, shard, mark):
        return known
    began = perf_counter()
    left = await asyncio.to_thread(left_over, store, stage.identity, shard)
    records = await run_endpoint(stage, shard.records, left)
    return await asyncio.to_thread(_keep, store, shard, mark, records, perf_counter() - began)


class OrderedStage(Protocol[Item]):
    """A stage whose work on a record depends on the records before it. It gets every shard, in order: anew,
    or as it left it in an earlier run."""

    @property
    def identity(self) -> Identity: ...

    def run(self, records: Sequence[Item]) -> list[Item]:
        """As `DirectStage.run`; the records need no pictures."""
        ...

    def recall(self, records: Sequence[Item]) -> None:
        """Take in what it once made of a shard: all of its records, the rejected too."""
        ...


class Selector(Generic[Item]):
    """Takes shards in order through an ordered stage.

    The mark of what it makes of a shard depends on the marks of all shards before it, and on nothing else: it
    is known before any of them has gone through the stages.
    """

    def __init__(self, store: Store[Item], stage: OrderedStage[Item]) -> None:
        self.store, self.stage = store, stage
        self.marks: list[Mark] = []
        """Of the shards taken so far."""

    def expect(self, before: Mark, previous: Mark | None) -> Mark:
        """The mark of what will be made of a shard, given its mark before, and what will be made of the
        previous shard."""
        identity = self.stage.identity
        return Mark(identity.name, digest_of(identity.digest, before.key, previous.key if previous else ""))

    def take(self, shard: Shard[Item]) -> Outcome[Item]:
        """The next shard, after all other stages."""
        assert shard.number == len(self.marks), "shards are taken in order"
        if not shard.records:
            shard = self.store.load(shard.number, shard.lineage, pictures=False)
        mark = self.expect(shard.mark, self.marks[-1] if self.marks else None)
        began = perf_counter()
        going = live(shard.records)
        records = settle(self.stage.identity, shard.records, self.stage.run(going) if going else [])
        self.marks.append(mark)
        return _keep(self.store, shard, mark, records, perf_counter() - began)

    def recall(self, number: int, lineage: tuple[Mark, ...]) -> Outcome[Item]:
        """The next shard, as the store holds it after this stage. No pictures are read."""
        shard = self.store.load(number, lineage, pictures=False)
        self.stage.recall(shard.records)
        self.marks.append(lineage[-1])
        return Outcome(shard, self.store.tally(number, lineage[-1]), reused=True)


def _known(store: Store[Item], shard: Shard[Item], mark: Mark) -> Outcome[Item] | None:
    if not store.has(shard.number, mark):
        return None
    return Outcome(store.follow(shard, mark), store.tally(shard.number, mark), reused=True)


def _keep(
    store: Store[Item], shard: Shard[Item], mark: Mark, records: Sequence[Item], seconds: float
) -> Outcome[Item]:
    after = shard.after(mark, records)
    done = tally(shard.records, records, seconds)
    store.save(after, shard, done)
    return Outcome(after, done, reused=False)
