"""Shards: records that go through the stages together, what they came from, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from irg.core.cost import Cost
from irg.stages.records import Item
from irg.stages.stage import Identity


@dataclass(frozen=True)
class Mark:
    """A stage's name, and the key of what it makes of a shard: a hash of the whole way to there."""

    name: str
    key: str

    @classmethod
    def first(cls, identity: Identity, start: int, size: int) -> "Mark":
        """The mark of a shard as a source proposes it: `size` live records after `start` earlier ones."""
        return cls(identity.name, identity.key(f"{size} after {start}"))

    def then(self, identity: Identity) -> "Mark":
        """The mark of what the next stage makes of that."""
        return Mark(identity.name, identity.key(self.key))


@dataclass(frozen=True)
class Shard(Generic[Item]):
    """Records in the order of their indices. `lineage` holds a mark per stage so far, the source's first.

    `number` counts the shards of a run from 0. One without records lies in the store, by its lineage.
    """

    number: int
    lineage: tuple[Mark, ...]
    records: tuple[Item, ...]

    @property
    def mark(self) -> Mark:
        return self.lineage[-1]

    def after(self, mark: Mark, records: Sequence[Item]) -> "Shard[Item]":
        """The shard as a stage has made it."""
        return Shard(self.number, (*self.lineage, mark), tuple(records))

    @property
    def left(self) -> "Shard[Item]":
        """The shard as one that was left in the store."""
        return replace(self, records=())


@dataclass(frozen=True)
class Tally:
    """What a stage did: live records in and out, seconds of work, rejects by reason, what it cost."""

    taken: int = 0
    kept: int = 0
    seconds: float = 0.0
    rejects: dict[str, int] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.taken + other.taken,
            self.kept + other.kept,
            self.seconds + other.seconds,
            dict(Counter(self.rejects) + Counter(other.rejects)),
            self.cost + other.cost,
        )


@dataclass(frozen=True)
class Outcome(Generic[Item]):
    """A shard after a stage, what the stage did with it, and whether that had been done by an earlier run."""

    shard: Shard[Item]
    tally: Tally
    reused: bool


def tally(before: Sequence[Item], after: Sequence[Item], seconds: float) -> Tally:
    """What happened between the records of a shard before a stage and after it."""
    done = Tally(seconds=seconds)
    for old, new in zip(before, after, strict=True):
        if old.rejected is not None:
            continue
        rejects = {new.rejected.reason: 1} if new.rejected else {}
        done += Tally(1, 0 if rejects else 1, 0.0, rejects, new.cost - old.cost)
    return replace(done, seconds=seconds)
