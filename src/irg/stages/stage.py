"""What a stage is: a small typed transformation of records, the same wherever and whenever it runs.

A stage gets live records (nothing rejected among them) and returns as many, in the same order: changed, or
rejected with a reason. It must be pure given its identity, the records and their seeds (`Identity.seed_for`),
since what it made is kept under its key and never made twice. It is built without loading;
what is heavy it loads at its first use, in whatever process that is.

A stage that waits for endpoints is asynchronous and bounds what it has in flight itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, Protocol, runtime_checkable

from irg.core.digest import digest_of
from irg.stages.records import Item, Record, StageStep


class Resource(StrEnum):
    """What a stage is bound by, which tells a runner how much of it to run at once."""

    CPU = "cpu"
    DEVICE = "device"
    ENDPOINT = "endpoint"


class StopRun(Exception):
    """Ends the run in good order, say when a budget is spent: what is finished stays, the rest waits for
    another run. A stage raises it; its message is for the user."""


@dataclass(frozen=True)
class Identity:
    """Everything but the input that decides what a stage makes of a record. All values are JSON.

    `version` counts changes of the stage's own code that change what it makes; `model` says which weights or
    which endpoint's model; `templates` maps the names of prompt templates to the hashes of their texts;
    `settings` are those that matter to the result (not how many run at once).
    """

    name: str
    version: int
    model: dict[str, Any] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def digest(self) -> str:
        return digest_of(self.name, self.version, self.model, self.templates, self.settings, self.seed)

    def key(self, input_id: str) -> str:
        """The id of what this stage makes of the input with that id."""
        return digest_of(self.digest, input_id)

    def seed_for(self, record: Record) -> int:
        """A seed (60 bits) for all that is random about this stage's work on this record."""
        return int(self.key(record.id)[:15], 16)

    def step(self, record: Record) -> StageStep:
        """What a record's provenance says of this stage."""
        return StageStep(
            self.name, self.version, self.key(record.id), self.model, self.templates, self.seed_for(record)
        )


class Stage(Protocol):
    """What every stage says of itself."""

    @property
    def identity(self) -> Identity: ...

    @property
    def resource(self) -> Resource: ...


@runtime_checkable
class Loaded(Protocol):
    """A stage that keeps what it has loaded. `retire` frees it, when a runner is done with the stage.

    Not a `Stage` in types, lest asking whether a stage is one has it find out its identity.
    """

    def retire(self) -> None: ...


@runtime_checkable
class DirectStage(Stage, Protocol[Item]):
    """A stage that computes. `run` may be called from several threads at a time, with different records."""

    def run(self, records: Sequence[Item]) -> list[Item]: ...


@runtime_checkable
class EndpointStage(Stage, Protocol[Item]):
    """A stage that waits for endpoints."""

    async def run_async(self, records: Sequence[Item]) -> list[Item]: ...


class EachRecord(ABC, Generic[Item]):
    """A stage that computes on the CPU what becomes of each record by itself: `one` says what."""

    resource = Resource.CPU

    def run(self, records: Sequence[Item]) -> list[Item]:
        return [self.one(record) for record in records]

    @abstractmethod
    def one(self, record: Item) -> Item: ...


AnyStage = DirectStage[Item] | EndpointStage[Item]


NOTHING: Mapping[str, Any] = {}


def live(records: Sequence[Item]) -> list[Item]:
    """The records that are still going: what a stage's `run` takes."""
    return [record for record in records if record.rejected is None]


def unknown(identity: Identity, records: Sequence[Item], known: Mapping[str, Item]) -> list[Item]:
    """Those of the live records that a stage has not made anything of yet."""
    return [record for record in live(records) if identity.key(record.id) not in known]


def settle(
    identity: Identity, records: Sequence[Item], results: Sequence[Item], known: Mapping[str, Item] = NOTHING
) -> list[Item]:
    """All records after a stage: the results, under their new ids and with this step in their provenance, in
    the places of the live records they were made of; what had been rejected before stays as it was.

    `known` holds what the stage has made of some of them already, by the id that it gave them.
    """
    num_fresh = len(unknown(identity, records, known))
    assert len(results) == num_fresh, f"{identity.name} must return a record for each it gets"
    remaining, settled = iter(results), []
    for record in records:
        if record.rejected is None:
            step = identity.step(record)
            result = known[step.key] if step.key in known else next(remaining)
            assert result.index == record.index, f"{identity.name} must keep the order of records"
            record = replace(result, id=step.key, steps=(*record.steps, step))
        settled.append(record)
    return settled


def run_direct(
    stage: DirectStage[Item], records: Sequence[Item], known: Mapping[str, Item] = NOTHING
) -> list[Item]:
    """One shard through one stage that computes. The whole of what a worker has to do.

    `known` holds what the stage has made of some of the records already, by the id that it gave them.
    """
    fresh = unknown(stage.identity, records, known)
    return settle(stage.identity, records, stage.run(fresh) if fresh else [], known)


async def run_endpoint(
    stage: EndpointStage[Item], records: Sequence[Item], known: Mapping[str, Item] = NOTHING
) -> list[Item]:
    """One shard through one stage that waits for endpoints."""
    fresh = unknown(stage.identity, records, known)
    return settle(stage.identity, records, await stage.run_async(fresh) if fresh else [], known)
