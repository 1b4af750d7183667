"""A job's parts: a shard advanced once and known from then on, decisions in the order of the shards."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from irg.core.cost import Cost
from irg.core.picture import Picture
from irg.curate.records import PASSING, TraceRecord, work_of
from irg.stages.flow import Job, Selector, advance, advance_async
from irg.stages.shards import Mark, Outcome, Shard, Tally
from irg.stages.stage import Identity, Resource
from irg.stages.store import Store

SOURCE = Identity("propose", 1)
RED = Picture.of(Image.new("RGB", (2, 2), "red"))
BUSY, *_ = sorted(PASSING)


class Shout:
    """Puts prompts in capitals at a price, rejects long ones; counts what it was given."""

    resource = Resource.CPU

    def __init__(self, longest: int = 9, reason: str = "too long") -> None:
        self.identity = Identity("shout", 1)
        self.longest, self.reason = longest, reason
        self.taken: list[int] = []

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        self.taken += [record.index for record in records]
        loud = [replace(r, thought=r.prompt.upper(), cost=r.cost + Cost(1)) for r in records]
        return [r if len(r.prompt) <= self.longest else r.reject("shout", self.reason) for r in loud]


class Wait(Shout):
    """The same, having waited for it."""

    resource = Resource.ENDPOINT

    async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        await asyncio.sleep(0)
        return self.run(records)


class First:
    """Rejects a prompt that came before."""

    def __init__(self, version: int = 1) -> None:
        self.identity = Identity("first", version)
        self.seen: set[str] = set()

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        after = [r.reject("first", "again") if r.prompt in self.seen else r for r in records]
        self.recall(after)
        return after

    def recall(self, records: Sequence[TraceRecord]) -> None:
        self.seen |= {record.prompt for record in records if record.rejected is None}


class Words:
    """Two records to a shard."""

    identity = SOURCE

    def __init__(self, store: Store[TraceRecord], *words: str) -> None:
        self.store, self.words = store, words

    @property
    def made(self) -> list[Shard[TraceRecord]]:
        records = [TraceRecord(f"id{n}", n, word, image2=RED) for n, word in enumerate(self.words)]
        return [
            Shard(start // 2, (Mark.first(SOURCE, start, 2),), tuple(records[start : start + 2]))
            for start in range(0, len(records), 2)
        ]

    async def shards(self) -> AsyncIterator[Outcome[TraceRecord]]:
        for shard in self.made:
            self.store.save(shard, None, Tally(2, 2))
            yield Outcome(shard, Tally(2, 2), reused=False)


@pytest.fixture
def job(tmp_path: Path) -> Job[TraceRecord]:
    store = work_of(tmp_path)
    source = Words(store, "a cat", "a long word", "a dog", "a cat", "a cow", "a dog")
    made = Job(source, (Shout(),), Selector(store, First()), store)

    async def begin() -> None:
        async for _ in source.shards():
            pass

    asyncio.run(begin())
    return made


def shards_of(job: Job[TraceRecord]) -> list[Shard[TraceRecord]]:
    assert isinstance(job.source, Words)
    return job.source.made


def test_a_shard_is_advanced_once(job: Job[TraceRecord]) -> None:
    shard, stage = shards_of(job)[0], Shout()
    outcome = advance(job.store, stage, shard)
    assert stage.taken == [0, 1] and not outcome.reused
    assert outcome.shard.lineage == job.lineage(shard) == (shard.mark, shard.mark.then(stage.identity))
    assert [(r.thought, r.rejected and r.rejected.reason) for r in outcome.shard.records] == [
        ("A CAT", None),
        ("A LONG WORD", "too long"),
    ]
    told = outcome.tally
    assert (told.taken, told.kept, told.rejects, told.cost) == (2, 1, {"too long": 1}, Cost(2))
    again = advance(job.store, stage, shard)
    assert again == Outcome(outcome.shard, told, reused=True) and stage.taken == [0, 1]


def test_it_is_the_same_for_a_stage_that_waits(job: Job[TraceRecord]) -> None:
    shard, stage = shards_of(job)[0], Wait()
    outcome = asyncio.run(advance_async(job.store, stage, shard))
    assert stage.taken == [0, 1] and not outcome.reused
    direct = advance(job.store, Shout(), shard)
    assert direct.reused and direct.shard == outcome.shard, "kept under the same mark"
    assert asyncio.run(advance_async(job.store, stage, shard)).reused and stage.taken == [0, 1]


@pytest.mark.parametrize("waits", [False, True])
def test_what_was_set_aside_is_made_of_what_failed_alone(job: Job[TraceRecord], waits: bool) -> None:
    shard = shards_of(job)[0]
    failed = advance(job.store, Shout(reason=BUSY), shard)
    job.store.set_aside(0, failed.shard.mark)
    stage = Wait(longest=20) if waits else Shout(longest=20)
    if isinstance(stage, Wait):
        mended = asyncio.run(advance_async(job.store, stage, shard))
    else:
        mended = advance(job.store, stage, shard)
    assert stage.taken == [1] and not mended.reused
    assert mended.shard.records[0] == failed.shard.records[0]
    assert [record.rejected for record in mended.shard.records] == [None, None]


def selected(job: Job[TraceRecord]) -> list[Outcome[TraceRecord]]:
    stage = job.stages[0]
    assert isinstance(stage, Shout)
    return [job.selector.take(advance(job.store, stage, shard).shard) for shard in shards_of(job)]


def test_what_was_decided_before_counts(job: Job[TraceRecord]) -> None:
    outcomes = selected(job)
    rejects = [[r.rejected and r.rejected.reason for r in outcome.shard.records] for outcome in outcomes]
    assert rejects == [[None, "too long"], [None, "again"], [None, "again"]]
    assert [outcome.tally.taken for outcome in outcomes] == [1, 2, 2]
    assert [outcome.shard.mark for outcome in outcomes] == job.selector.marks
    assert all(job.store.has(number, mark) for number, mark in enumerate(job.selector.marks))


def test_marks_are_known_beforehand_and_hang_on_all_before(job: Job[TraceRecord]) -> None:
    previous: Mark | None = None
    expected = []
    for shard in shards_of(job):
        previous = job.selector.expect(job.lineage(shard)[-1], previous)
        expected.append(previous)
    selected(job)
    assert job.selector.marks == expected and len(set(expected)) == 3
    (one, two, three), selector = (job.lineage(shard)[-1] for shard in shards_of(job)), job.selector
    other = Selector(job.store, First(version=2))
    others = [
        selector.expect(three, None),
        selector.expect(three, selector.expect(two, None)),
        selector.expect(three, selector.expect(one, None)),
        other.expect(three, expected[1]),
    ]
    assert len({*others, expected[2]}) == 5


def test_a_later_run_recalls_what_was_decided(job: Job[TraceRecord]) -> None:
    before = selected(job)
    later = Selector(job.store, First())
    recalled = [later.recall(outcome.shard.number, outcome.shard.lineage) for outcome in before[:2]]
    assert all(outcome.reused for outcome in recalled)
    assert [outcome.tally for outcome in recalled] == [outcome.tally for outcome in before[:2]]
    assert later.marks == job.selector.marks[:2]
    last = later.take(advance(job.store, Shout(), shards_of(job)[2]).shard)
    assert last.shard == before[2].shard


def test_a_shard_that_was_left_in_the_store_is_taken_without_its_pictures(job: Job[TraceRecord]) -> None:
    shard = advance(job.store, Shout(), shards_of(job)[0]).shard
    outcome = job.selector.take(shard.left)
    (record, _) = outcome.shard.records
    assert record.image2 is not None and record.image2.digest == RED.digest
    with pytest.raises(AssertionError, match="not loaded"):
        record.image2.open()
    assert job.store.load(0, outcome.shard.lineage).records[0].image2 == RED


def test_shards_are_taken_in_order(job: Job[TraceRecord]) -> None:
    with pytest.raises(AssertionError, match="shards are taken in order"):
        job.selector.take(advance(job.store, Shout(), shards_of(job)[1]).shard)
