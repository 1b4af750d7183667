"""A benchmark as a user of stages and endpoints: items, drawn, judged by a model, counted in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel

from irg.core.cost import Cost
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.endpoint import Account, EndpointSettings, NoAnswer
from irg.endpoint.asking import Case, Respondent, each
from irg.endpoint.templates import parse_templates
from irg.stages.flow import Job, Selector
from irg.stages.records import Codec, Reject, StageStep
from irg.stages.retry import retry
from irg.stages.runner import run
from irg.stages.shards import Mark, Outcome, Shard, Tally
from irg.stages.stage import Identity, Resource
from irg.stages.store import Store
from tests.endpoint.conftest import QUICK
from tests.endpoint.fake_server import Behaviour, FakeServer, serving

WORDS = '{ask: {version: 1, system: "Look.", user: "Does it show {words}?"}}'
TEMPLATES = parse_templates(WORDS, "here")


@dataclass(frozen=True)
class BenchItem:
    """What a benchmark knows of an item."""

    id: str
    index: int
    words: str
    drawn: Picture | None = None
    right: bool | None = None
    steps: tuple[StageStep, ...] = ()
    cost: Cost = Cost()  # noqa: RUF009
    rejected: Reject | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return () if self.drawn is None else (self.drawn,)


CODEC = Codec(BenchItem, frozenset({NoAnswer.SERVER.value}))


class Items:
    """The items of a benchmark, two in a shard."""

    identity = Identity("items", 1)

    def __init__(self, words: Sequence[str], store: Store[BenchItem]) -> None:
        self.words, self.store = words, store

    async def shards(self) -> AsyncIterator[Outcome[BenchItem]]:
        items = [BenchItem(digest_of(words), index, words) for index, words in enumerate(self.words)]
        for number, start in enumerate(range(0, len(items), 2)):
            some = tuple(items[start : start + 2])
            mark = Mark.first(self.identity, start, len(some))
            shard, done = Shard(number, (mark,), some), Tally(len(some), len(some))
            if not self.store.has(number, mark):
                self.store.save(shard, None, done)
            yield Outcome(shard, done, reused=False)


class Draws:
    """Draws every item in the colour that its name begins with."""

    resource = Resource.DEVICE
    identity = Identity("draw", 1)

    def run(self, records: Sequence[BenchItem]) -> list[BenchItem]:
        colours = [record.words.split()[0] for record in records]
        pictures = [Picture.of(Image.new("RGB", (8, 8), colour)) for colour in colours]
        return [replace(item, drawn=drawn) for item, drawn in zip(records, pictures, strict=True)]


class Seen(BaseModel):
    right: bool


class Judges:
    """Has a model say whether a picture shows its item."""

    resource = Resource.ENDPOINT

    def __init__(self, judge: Respondent) -> None:
        self.judge = judge
        self.identity = judge.identity("judge", {"ask": Seen}, seed=0)

    async def run_async(self, records: Sequence[BenchItem]) -> list[BenchItem]:
        return await each(self.judge, "judge", records, self._judge)

    async def _judge(self, case: Case[BenchItem]) -> BenchItem:
        seed = self.identity.seed_for(case.record)
        reply = await case.paid(
            self.judge.ask("ask", {"words": case.record.words}, Seen, seed, case.record.pictures)
        )
        return replace(case.record, right=reply.value.right)


class Counts:
    """How many are right, in the order of the items."""

    identity = Identity("count", 1)

    def __init__(self) -> None:
        self.right = 0

    def run(self, records: Sequence[BenchItem]) -> list[BenchItem]:
        self.recall(records)
        return list(records)

    def recall(self, records: Sequence[BenchItem]) -> None:
        self.right += sum(record.right is True for record in records if record.rejected is None)


@pytest.fixture
def judge(tmp_path: Path) -> Any:
    def answer(body: dict[str, Any]) -> str:
        return '{"right": %s}' % ("false" if "blue" in str(body) else "true")

    with serving(Behaviour(answer=answer)) as server:
        settings = EndpointSettings(base_url=server.url, model="m", attempts=2, backoff=QUICK)
        yield server, Respondent(settings, Account(folder=tmp_path / "account"), TEMPLATES)


def test_a_benchmark_is_run_resumed_and_retried(judge: tuple[FakeServer, Respondent], tmp_path: Path) -> None:
    server, model = judge
    words = ("red square", "blue ring", "green star", "black hole", "white dot")

    def job() -> tuple[Job[BenchItem], Counts]:
        store, counts = Store(tmp_path / "work", CODEC), Counts()
        return Job(Items(words, store), (Draws(), Judges(model)), Selector(store, counts), store), counts

    broken = (500, {"error": {"message": "down"}})
    usual = server.behaviour
    server.behaviour = replace(usual, status=lambda body: broken if "black" in str(body) else None)
    first, counts = job()
    progress = run(first)
    assert counts.right == 3 and progress.tallies["judge"].rejects == {"server error": 1}
    assert progress.tallies["judge"].cost.requests == 4
    again, recalled = job()
    assert run(again).reused == {"items": 0, "draw": 5, "judge": 5, "count": 4} and recalled.right == 3

    server.behaviour, before = usual, server.num_requests
    assert retry(first.store, "count") == {"server error": 1}
    last, mended = job()
    assert run(last).stopped is None and mended.right == 4
    assert server.num_requests == before + 1
    (item,) = [
        one
        for one in last.store.load(1, last.store.lineage(1, last.selector.marks[1])).records
        if one.index == 3
    ]
    assert (item.right, item.rejected, [step.stage for step in item.steps]) == (
        True,
        None,
        ["draw", "judge", "count"],
    )
    assert item.drawn == Picture.of(Image.new("RGB", (8, 8), "black"))


def test_a_failure_is_a_reject_and_says_where(judge: tuple[FakeServer, Respondent]) -> None:
    server, model = judge
    server.behaviour = Behaviour(status=lambda body: (400, {"error": {"message": "flagged"}}))
    item = BenchItem("a", 0, "red square", Picture.of(Image.new("RGB", (8, 8))))
    (failed,) = asyncio.run(Judges(model).run_async([item]))
    assert failed.rejected is not None and failed.rejected.stage == "judge"
    assert failed.rejected.reason == NoAnswer.BAD_REQUEST and "flagged" in failed.rejected.detail
