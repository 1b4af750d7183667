"""What travels between the workers of a cluster: a shard with what was done to it, as one row of a table.

And what a worker does with it: a span, which is a few stages in a row that want the same of a worker. Nothing
here knows of Ray. A row is never split, so that a shard always arrives whole.
"""

import json
import os
import pickle
import platform
import secrets
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irg.core.cost import Cost
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.curate.flow import advance, advance_async
from irg.curate.records import Record, as_json, from_json
from irg.curate.shards import Mark, Outcome, Shard, Tally
from irg.curate.stage import AnyStage, DirectStage, EndpointStage, Resource, StopRun
from irg.curate.work import Store

if TYPE_CHECKING:
    import pyarrow as pa

Build = Callable[[], Sequence[AnyStage]]
"""Makes the stages of a run, in whatever process; it can be sent there."""


@dataclass(frozen=True)
class Deed:
    """What a stage did with a shard, or had done in an earlier run."""

    stage: str
    tally: Tally
    reused: bool


@dataclass(frozen=True)
class Parcel:
    """A shard on its way. One without records was left in the store, where its lineage names it."""

    shard: Shard
    deeds: tuple[Deed, ...] = ()
    stopped: str | None = None
    """What a stage said that stopped the run: the shard went no further."""
    failure: Exception | None = None
    """What a stage raised."""

    @property
    def is_going(self) -> bool:
        return self.stopped is None and self.failure is None

    def after(self, stage: AnyStage, outcome: Outcome) -> "Parcel":
        deed = Deed(stage.identity.name, outcome.tally, outcome.reused)
        return Parcel(outcome.shard, (*self.deeds, deed))

    def halted(self, error: Exception) -> "Parcel":
        """The parcel as a stage that raised an error left it."""
        light = replace(self, shard=replace(self.shard, records=()))
        if isinstance(error, StopRun):
            return replace(light, stopped=str(error))
        return replace(light, failure=_portable(error))


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
    build: Build = field(compare=False, repr=False)


@lru_cache(maxsize=4)
def stages_of(plant: Plant) -> tuple[AnyStage, ...]:
    """All stages of a run, built once in a process, which so keeps what they load, in the driver's folder.

    Raises ValueError when they are others than in the driver, and would make something else.
    """
    if (
        plant.folder.is_dir()
    ):  # elsewhere a recipe with relative paths finds other files, or none, and says so
        os.chdir(plant.folder)
    stages = tuple(plant.build())
    if (found := digest_of_all(stages)) != plant.digest:
        raise ValueError(
            f"the stages of this run are others on {platform.node()} than on the driver ({found} for "
            f"{plant.digest}): expected the same files everywhere, and a device and dtype that are named"
        )
    return stages


def digest_of_all(stages: Sequence[AnyStage]) -> str:
    return digest_of(*(stage.identity.digest for stage in stages))


@dataclass(frozen=True)
class Span:
    """Stages in a row that one worker takes a shard through: `stop - start` of a run's. What each made is in
    the store before the next begins, so whoever takes over from a worker that died goes on after it."""

    store: Store
    plant: Plant
    start: int
    stop: int
    resource: Resource
    is_last: bool
    """Nobody after it needs the records."""

    @property
    def stages(self) -> tuple[AnyStage, ...]:
        return stages_of(self.plant)[self.start : self.stop]

    def run(self, parcel: Parcel) -> Parcel:
        """For stages that compute."""
        try:
            for stage in self.stages if parcel.is_going else ():
                assert isinstance(stage, DirectStage), f"{stage.identity.name} does not compute"
                parcel = parcel.after(stage, advance(self.store, stage, self._shard(parcel)))
        except Exception as error:
            return parcel.halted(error)
        return self._passed_on(parcel)

    async def run_async(self, parcel: Parcel) -> Parcel:
        """For stages that wait for endpoints."""
        try:
            for stage in self.stages if parcel.is_going else ():
                assert isinstance(stage, EndpointStage), f"{stage.identity.name} does not wait"
                parcel = parcel.after(stage, await advance_async(self.store, stage, self._shard(parcel)))
        except Exception as error:
            return parcel.halted(error)
        return self._passed_on(parcel)

    def _shard(self, parcel: Parcel) -> Shard:
        shard = parcel.shard
        return shard if shard.records else self.store.load(shard.number, shard.lineage)

    def _passed_on(self, parcel: Parcel) -> Parcel:
        return replace(parcel, shard=replace(parcel.shard, records=())) if self.is_last else parcel


def spans(store: Store, stages: Sequence[AnyStage], build: Build) -> list[Span]:
    """The stages of a run in order, those in a row that want the same together. `build` makes them anew."""
    plant = Plant(digest_of_all(stages), secrets.token_hex(8), Path.cwd(), build)
    store = Store(store.folder.resolve())
    found: list[Span] = []
    for resource, group in groupby(stages, resource_of):
        start = found[-1].stop if found else 0
        stop = start + len(tuple(group))
        found.append(Span(store, plant, start, stop, resource, stop == len(stages)))
    return found


def resource_of(stage: AnyStage) -> Resource:
    """What a stage wants of a worker."""
    return Resource.ENDPOINT if isinstance(stage, EndpointStage) else stage.resource


def to_table(parcel: Parcel) -> "pa.Table":
    """One row. Each picture is in it once."""
    import pyarrow as pa

    shard, failure = parcel.shard, parcel.failure
    pictures = {picture.digest: picture.data for record in shard.records for picture in record.pictures}
    columns: dict[str, tuple[Any, pa.DataType]] = {
        "number": (shard.number, pa.int64()),
        "lineage": (_dumps([asdict(mark) for mark in shard.lineage]), pa.string()),
        "records": ([_dumps(as_json(record)) for record in shard.records], pa.list_(pa.large_string())),
        "pictures": (list(pictures.items()), pa.map_(pa.string(), pa.large_binary())),
        "deeds": (_dumps([asdict(deed) for deed in parcel.deeds]), pa.string()),
        "stopped": (parcel.stopped, pa.string()),
        "failure": (pickle.dumps(failure) if failure else None, pa.binary()),
    }
    return pa.table({name: pa.array([value], kind) for name, (value, kind) in columns.items()})


def from_table(table: "pa.Table") -> Parcel:
    """The parcel of a table's only row."""
    assert table.num_rows == 1, f"{table.num_rows} shards at once"
    row = table.to_pylist()[0]
    pictures = {digest: Picture(data) for digest, data in row["pictures"]}
    records: list[Record] = [from_json(json.loads(text), pictures) for text in row["records"]]
    lineage = tuple(Mark(**mark) for mark in json.loads(row["lineage"]))
    deeds = tuple(_deed(**deed) for deed in json.loads(row["deeds"]))
    failure = pickle.loads(row["failure"]) if row["failure"] else None
    return Parcel(Shard(row["number"], lineage, tuple(records)), deeds, row["stopped"], failure)


def _deed(stage: str, tally: dict[str, Any], reused: bool) -> Deed:
    return Deed(stage, Tally(**{**tally, "cost": Cost(**tally["cost"])}), reused)


def _portable(error: Exception) -> Exception:
    """The error as it can be raised in another process, its traceback as a note."""
    text = "".join(traceback.format_exception(error))
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # an error may hold anything: then its words have to do
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    copy.add_note(f"Raised by a worker:\n{text}")
    return copy


def _dumps(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
