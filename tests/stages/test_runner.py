"""The runner for one process: the same work in any order, none of it twice, and good ends."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from irg.curate.records import TraceRecord
from irg.curate.select import SelectSettings
from irg.stages.runner import Concurrency, run
from irg.stages.shards import Outcome
from irg.stages.stage import Identity, Resource, StopRun
from tests.curate.small import job, selected, stages, work_in


class Upto:
    """An asynchronous stage that stops or breaks at a record."""

    resource = Resource.ENDPOINT
    identity = Identity("upto", 1)

    def __init__(self, bound: int, error: type[Exception]) -> None:
        self.bound, self.error = bound, error

    async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        if records[-1].index >= self.bound:
            raise self.error(f"no further than {self.bound}")
        return [record.noted({"seen": True}) for record in records]


def test_the_work_is_the_same_however_many_are_under_way(tmp_path: Path) -> None:
    one, many = job(tmp_path / "one"), job(tmp_path / "many")
    progress = run(one, Concurrency(shards=1, cpu=1, device=1))
    told: list[tuple[str, int]] = []

    def watch(name: str, outcome: Outcome) -> None:
        told.append((name, outcome.shard.number))

    run(many, Concurrency(shards=3, cpu=2, device=2), watch)
    assert work_in(tmp_path / "one") == work_in(tmp_path / "many")
    assert progress.num_shards == 3 and progress.tallies["think"].taken == 12
    assert sum(progress.reused.values()) == 0 and progress.stopped is None
    assert list(progress.tallies) == [name for name, number in told if number == 0]
    assert [number for name, number in told if name == "select"] == [0, 1, 2]


def test_each_record_has_its_way_written_down(tmp_path: Path) -> None:
    made = job(tmp_path)
    run(made)
    for record in selected(made):
        assert [step.stage for step in record.steps] == [
            "propose",
            *(s.identity.name for s in made.stages),
            "select",
        ]
        assert record.id == record.steps[-1].key
        assert [step.key for step in record.steps[1:-1]] == [
            stage.identity.key(step.key) for stage, step in zip(made.stages, record.steps, strict=False)
        ]
    assert len({record.id for record in selected(made)}) == 12


def test_nothing_finished_is_done_again(tmp_path: Path) -> None:
    run(job(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again = job(tmp_path)
    progress = run(again)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    assert progress.reused == {name: tally.taken for name, tally in progress.tallies.items()}
    assert selected(again)[0].rejected is None


def test_a_changed_stage_redoes_what_it_changes(tmp_path: Path) -> None:
    run(job(tmp_path))
    progress = run(job(tmp_path, through=stages(reflection=(1, 500))))
    untouched = {"propose", "think", "draw", "improve", "judge", "reflect"}
    assert {name for name, number in progress.reused.items() if number} == untouched
    progress = run(job(tmp_path, select=SelectSettings(hash_distance=None)))
    assert {name for name, number in progress.reused.items() if number} == {*untouched, "filter"}


def test_more_records_are_added_to_those_there_are(tmp_path: Path) -> None:
    run(job(tmp_path, count=8))
    progress = run(job(tmp_path, count=12))
    assert progress.reused["draw"] == 8 and progress.tallies["draw"].taken == 12


def test_a_stage_that_stops_the_run_leaves_what_is_finished(tmp_path: Path) -> None:
    before = stages()
    stopping = job(tmp_path / "a", through=[*before[:1], Upto(4, StopRun), *before[1:]])
    progress = run(stopping, Concurrency(shards=2))
    assert progress.stopped == "no further than 4" and progress.num_shards == 1
    assert all(record.notes["seen"] for record in selected(stopping))
    going_on = job(tmp_path / "a", through=[*before[:1], Upto(100, StopRun), *before[1:]])
    progress = run(going_on)
    assert progress.stopped is None and progress.num_shards == 3 and progress.reused["upto"] == 4
    run(job(tmp_path / "b", through=[*before[:1], Upto(100, StopRun), *before[1:]]))
    assert work_in(tmp_path / "a") == work_in(tmp_path / "b")


def test_what_a_stage_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no further than 4"):
        run(job(tmp_path, through=[*stages(), Upto(4, LookupError)]))


def test_a_stage_may_not_lose_records(tmp_path: Path) -> None:
    class Loses(Upto):
        async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
            return [replace(record) for record in records[1:]]

    with pytest.raises(AssertionError, match="must return a record for each"):
        run(job(tmp_path, through=[Loses(0, StopRun)]))


@pytest.mark.parametrize("wrong", [{"shards": 0}, {"cpu": 0}, {"device": -1}])
def test_refuses_limits_under_which_nothing_moves(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Concurrency(**wrong)
