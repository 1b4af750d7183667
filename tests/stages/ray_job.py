"""A small run of the scene world with a stage of every kind, for runners to be compared by.

As a program it is a driver that joins the cluster at an address, to be killed: FOLDER ADDRESS.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from irg.core.cost import Cost
from irg.curate.contamination import Contamination, Guard
from irg.curate.draw import Draw
from irg.curate.filters import Filter, FilterSettings
from irg.curate.oracle import OracleImprove, OracleJudge, OracleReflect, OracleThink
from irg.curate.prompts import ScenePrompts
from irg.curate.propose import Proposer, Proposing
from irg.curate.records import TraceRecord, work_of
from irg.curate.select import Select, SelectSettings
from irg.curate.student import DrawingCheckpoint, Student
from irg.stages.cluster import Cluster
from irg.stages.flow import Job, Selector
from irg.stages.ray_pool import run_on_cluster
from irg.stages.stage import AnyStage, Identity, Resource, StopRun

SHARDS, PER_SHARD = 8, 4


class Wait:
    """Waits for something elsewhere, and writes down which records it was asked about."""

    resource = Resource.ENDPOINT
    seconds = 0.2

    def __init__(self, diary: Path) -> None:
        self.diary = diary
        self.identity = Identity("wait", 1)

    async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        await asyncio.sleep(self.seconds)
        _append(self.diary, "".join(f"{record.index}\n" for record in records))
        return [replace(record.noted({"waited": True}), cost=record.cost + Cost(1)) for record in records]


class Spend(Wait):
    """Waits for something of which there is enough for the first ten records."""

    async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        if records[-1].index >= 10:
            raise StopRun("all is spent")
        return await super().run_async(records)


class Break(Wait):
    async def run_async(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        raise LookupError(f"no answer to record {records[0].index}")


def stages(folder: Path, wait: type[Wait] = Wait) -> list[AnyStage]:
    """All pictures are flawed on purpose, so that no model is loaded."""
    return [
        OracleThink(seed=1),
        wait(folder / "diary"),
        Draw(Student(DrawingCheckpoint(threads=1)), flawed=1.0, seed=1),
        OracleImprove(seed=1),
        OracleJudge(),
        OracleReflect(),
        Filter(FilterSettings()),
    ]


def build(folder: Path, wait: type[Wait] = Wait) -> Job:
    store = work_of(folder)
    proposing = Proposing(SHARDS * PER_SHARD, PER_SHARD)
    proposer = Proposer(
        ScenePrompts({"single": 1, "position": 2}, seed=3),
        Guard((), Contamination(scenes=True)),
        proposing,
        store,
    )
    return Job(
        proposer, tuple(stages(folder, wait)), Selector(store, Select(SelectSettings(hash_distance=2))), store
    )


def _append(path: Path, text: str) -> None:
    """One write, whole whoever else writes."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


if __name__ == "__main__":
    folder, address = Path(sys.argv[1]), sys.argv[2]
    with work_of(folder).locked():
        run_on_cluster(build(folder), partial(stages, folder), Cluster(address, shards=2))
