"""What stages ask of a record: who it is, how it came about, whether it still goes on, what it took.

All else is its job's own: a curation's candidate traces, a benchmark's items, rollouts. A record is a frozen
dataclass with these fields; a store keeps it by its codec.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import TypeAdapter

from irg.core.cost import Cost
from irg.core.picture import Picture

JSON = dict[str, Any]


@dataclass(frozen=True)
class Reject:
    """Why a record goes no further. `reason` is one of a stage's few fixed phrases, which are counted;
    `detail` says what exactly was wrong with this one."""

    stage: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class StageStep:
    """A stage that a record went through: enough to do it again. `key` is the record's id after it."""

    stage: str
    version: int
    key: str
    model: JSON = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    seed: int = 0


class Record(Protocol):
    """`id` hashes how it came about; `index` counts the records of a run, which orders them; `pictures` are
    all that it holds."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...

    @property
    def index(self) -> int: ...

    @property
    def steps(self) -> tuple[StageStep, ...]: ...

    @property
    def cost(self) -> Cost: ...

    @property
    def rejected(self) -> Reject | None: ...

    @property
    def pictures(self) -> tuple[Picture, ...]: ...


Item = TypeVar("Item", bound=Record)
"""The records of one job."""

Find = Callable[[str], Picture]
"""The picture with a digest."""


@dataclass(frozen=True)
class Codec(Generic[Item]):
    """How records of a kind are kept: as JSON of their fields, with pictures as their digests.

    `passing` are the reasons for rejects that another attempt may not meet (`irg.stages.retry`).
    """

    kind: type[Item]
    passing: frozenset[str] = frozenset()

    def as_json(self, record: Item) -> JSON:
        return _adapter(self.kind).dump_python(record, mode="json")

    def from_json(self, content: JSON, find: Find) -> Item:
        return _adapter(self.kind).validate_python(content, context=find)


@cache
def _adapter(kind: type[Item]) -> TypeAdapter[Item]:
    return TypeAdapter(kind)
