"""Whole runs whose teacher and judge is a model behind a real address that fails a fifth of all requests.

IRG_RECORDS=1000 makes as many records; the default keeps the test short.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from irg.curate.contamination import Guard
from irg.curate.emit import EmitSettings, emit
from irg.curate.filters import Filter, FilterSettings
from irg.curate.propose import Proposal, Proposer, Proposing
from irg.curate.records import CODEC, PASSING, TraceRecord, work_of
from irg.curate.select import Select, SelectSettings
from irg.curate.teacher import TeacherJudge, TeacherReflect, TeacherThink, read_templates
from irg.endpoint import Account, EndpointSettings, NoAnswer, spent
from irg.endpoint.asking import Respondent, Sampling
from irg.stages.flow import Job, Selector
from irg.stages.retry import retry
from irg.stages.runner import Concurrency, run
from irg.stages.stage import Identity, Resource
from tests.curate.small import selected
from tests.curate.teacher.eyes import BRIGHT, DARK, look, picture
from tests.endpoint.conftest import QUICK
from tests.endpoint.fake_server import Behaviour, FakeServer, Fault, serving

COUNT = int(os.environ.get("IRG_RECORDS", "60"))
PER_RECORD = 7
"""Requests: a thought, questions, a checklist for each picture, both orders, a reflection."""
FAULTS = {fault: 0.2 / 9 for fault in Fault if fault is not Fault.ECHO}


class Things:
    """Prompts without end."""

    identity = Identity("things", 1)

    async def proposals(self, start: int, count: int) -> Sequence[Proposal]:
        return [Proposal(f"thing number {index}", "a test") for index in range(start, start + count)]


class Pictures:
    """Draws everything dark, and improves it by light."""

    resource = Resource.DEVICE
    identity = Identity("draw", 1)

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        return [replace(record, image1=picture(DARK), image2=picture(BRIGHT)) for record in records]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(Behaviour(FAULTS, seed=2, answer=look)) as running:
        yield running


def build(
    server: FakeServer,
    folder: Path,
    count: int = COUNT,
    max_requests: int | None = None,
    timeout: float = 60.0,
) -> Job:
    settings = EndpointSettings(
        base_url=server.url,
        model="wise",
        backoff=QUICK,
        timeout=timeout,
        attempts=2,
        in_flight=24,
        patience=1000,
    )
    account = Account(folder=folder / "endpoint", max_requests=max_requests)
    teacher = Respondent(settings, account, read_templates(None), Sampling(max_tokens=300))
    store = work_of(folder)
    stages = (
        TeacherThink(teacher),
        Pictures(),
        TeacherJudge(teacher),
        TeacherReflect(teacher),
        Filter(FilterSettings(min_side=8)),
    )
    proposer = Proposer(Things(), Guard(), Proposing(count, 16), store)
    return Job(proposer, stages, Selector(store, Select(SelectSettings(hash_distance=None))), store)


def account(job: Job) -> Account:
    think = job.stages[0]
    assert isinstance(think, TeacherThink)
    return think.teacher.endpoint.account


def test_all_records_come_to_an_end_and_the_failed_ones_to_another(
    server: FakeServer, tmp_path: Path
) -> None:
    bound = COUNT * PER_RECORD * 3
    job = build(server, tmp_path, max_requests=bound, timeout=2.0)
    progress = run(job, Concurrency(shards=3))
    records = selected(job)
    assert progress.stopped is None and [record.index for record in records] == list(range(COUNT))
    rejected = Counter(record.rejected.reason for record in records if record.rejected)
    assert 0 < rejected.total() < COUNT and set(rejected) <= {reason.value for reason in NoAnswer}
    for record in records:
        if record.rejected is None:
            assert record.thought and record.reflection and record.verdict2 and record.verdict2.correct
    assert len(server.faults) == len(FAULTS)
    (charged,) = spent(account(job))
    assert server.num_requests <= charged.requests <= bound
    emitted = emit(job.store, job.selector.marks, tmp_path, EmitSettings(), {})
    assert emitted.num_traces == COUNT - rejected.total()

    before, server.behaviour = server.num_requests, Behaviour(answer=look)
    passing = {reason: number for reason, number in rejected.items() if reason in PASSING}
    assert retry(job.store, "select") == passing != {}
    again = build(server, tmp_path)
    run(again, Concurrency(shards=3))
    # Only what failed is asked, and what follows from it.
    assert sum(passing.values()) <= server.num_requests - before <= PER_RECORD * rejected.total()
    mended = {record.index: record for record in selected(again)}
    assert Counter(r.rejected.reason for r in mended.values() if r.rejected) == rejected - Counter(passing)
    for record in records:
        if record.rejected is None:
            assert CODEC.as_json(mended[record.index]) == CODEC.as_json(record)
    assert retry(again.store, "select") == {}


def test_answers_that_are_known_are_never_asked_for_again(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(answer=look)
    first = build(server, tmp_path, 24)
    run(first)
    bodies = Counter(str(seen.body) for seen in server.requests)
    assert set(bodies.values()) == {1} and len(bodies) == 24 * PER_RECORD
    known = [CODEC.as_json(record) for record in selected(first)]
    shutil.rmtree(tmp_path / "work")  # all work is lost, the answers are not
    second = build(server, tmp_path, 24)
    run(second)
    assert server.num_requests == len(bodies)
    assert [CODEC.as_json(record) for record in selected(second)] == known


def test_a_spent_budget_stops_the_run_where_more_goes_on(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(answer=look)
    job = build(server, tmp_path, 48, max_requests=150)
    progress = run(job, Concurrency(shards=2))
    assert progress.stopped is not None and "max_requests" in progress.stopped
    assert server.num_requests <= 150
    done = build(server, tmp_path, 48, max_requests=48 * PER_RECORD)
    assert run(done, Concurrency(shards=2)).stopped is None
    assert server.num_requests == 48 * PER_RECORD
    assert all(record.rejected is None for record in selected(done))
