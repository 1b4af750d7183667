"""Small runs and records for tests: the scene world, with no model in it unless one is asked for."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyarrow import parquet

from irg.curate.contamination import Contamination, Guard
from irg.curate.draw import Draw
from irg.curate.filters import Filter, FilterSettings
from irg.curate.oracle import OracleImprove, OracleJudge, OracleReflect, OracleThink
from irg.curate.prompts import ScenePrompts
from irg.curate.propose import Proposer, Proposing
from irg.curate.records import TraceRecord, work_of
from irg.curate.select import Select, SelectSettings
from irg.curate.student import DrawingCheckpoint, Student
from irg.stages.flow import Job, Selector
from irg.stages.shards import Shard
from irg.stages.stage import AnyStage

PROMPTS = ScenePrompts({"single": 1, "position": 2, "counting": 1}, seed=3)


def stages(flawed: float = 1.0, **filters: Any) -> list[AnyStage]:
    """Those of a run in which every first picture is flawed on purpose."""
    return [
        OracleThink(seed=1),
        Draw(Student(DrawingCheckpoint(threads=1)), flawed=flawed, seed=1),
        OracleImprove(seed=1),
        OracleJudge(),
        OracleReflect(),
        Filter(FilterSettings(**filters)),
    ]


def job(
    folder: Path,
    count: int = 12,
    shard: int = 4,
    through: Sequence[AnyStage] | None = None,
    select: SelectSettings | None = None,
) -> Job:
    store = work_of(folder)
    proposer = Proposer(PROMPTS, Guard((), Contamination(scenes=True)), Proposing(count, shard), store)
    selector = Selector(store, Select(select or SelectSettings(hash_distance=2)))
    return Job(proposer, tuple(stages() if through is None else through), selector, store)


def selected(job: Job) -> list[TraceRecord]:
    """All records of a run that has come to its end, the rejected too."""
    marks = enumerate(job.selector.marks)
    return [
        record
        for number, mark in marks
        for record in job.store.load(number, job.store.lineage(number, mark)).records
    ]


def proposed(job: Job) -> list[Shard]:
    async def all_of_them() -> list[Shard]:
        return [outcome.shard async for outcome in job.source.shards()]

    return asyncio.run(all_of_them())


def work_in(folder: Path) -> dict[str, Any]:
    """The rows of every file of a run's work, by its name: all that is kept but how long it took."""
    paths = sorted((folder / "work").glob("*/*.parquet"))
    return {str(path.relative_to(folder)): parquet.ParquetFile(path).read().to_pylist() for path in paths}


def set_in(folder: Path) -> dict[str, bytes]:
    """The set that a run has emitted, by the names of its files."""
    paths = [folder / "manifest.json", *sorted((folder / "data").rglob("*.*"))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}
