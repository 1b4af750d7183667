"""Selection, in the order of the proposals: near-duplicates of what was kept before, and the share of pairs
in which nothing is wrong."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from irg.core.settings import BaseSettings
from irg.curate.duplicates import Embeddings, Hashes, Search
from irg.curate.records import Relation, TraceRecord
from irg.stages.stage import Identity

NAME = "select"
HASH, EMBEDDING = "hash", "embedding"
"""The names of the fingerprints that near-duplicates are found by."""
_TOGETHER = 64
"""Records that are searched for at once."""


class SelectSettings(BaseSettings):
    """What depends on other records. None leaves a check out."""

    hash_distance: int | None = Field(default=12, ge=0, lt=1280)
    """Image 2 may not be within so many of 1280 bits of one that was kept."""
    similarity: float | None = Field(default=None, ge=-1, le=1)
    """Nor may its embedding have this cosine, or a larger one, with one that was kept."""
    keep_right: float = Field(default=1.0, ge=0, le=1)
    """The largest share of kept pairs in which image 1 is right already."""


class Select:
    """The ordered stage of every run."""

    def __init__(self, settings: SelectSettings) -> None:
        self.settings = settings
        self.identity = Identity(NAME, 1, settings=settings.model_dump(mode="json"))
        self._near: dict[str, Hashes | Embeddings] = {}
        if settings.hash_distance is not None:
            self._near[HASH] = Hashes(settings.hash_distance)
        if settings.similarity is not None:
            self._near[EMBEDDING] = Embeddings(settings.similarity)
        self._indices: list[int] = []
        self._right = 0

    def run(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        parts = (records[start : start + _TOGETHER] for start in range(0, len(records), _TOGETHER))
        return [record for part in parts for record in self._choose(part)]

    def recall(self, records: Sequence[TraceRecord]) -> None:
        for record in records:
            if record.rejected is None:
                for name, near in self._near.items():
                    near.add(_fingerprint(record, name))
                self._count(record)

    def _choose(self, records: Sequence[TraceRecord]) -> list[TraceRecord]:
        searches = {
            name: Search(near, [_fingerprint(record, name) for record in records])
            for name, near in self._near.items()
        }
        return [self._judge(record, place, searches) for place, record in enumerate(records)]

    def _judge(self, record: TraceRecord, place: int, searches: Mapping[str, Search]) -> TraceRecord:
        for name, search in searches.items():
            found = search.find(place)
            if found is not None:
                detail = f"of record {self._indices[found]}, by {name}"
                return record.reject(NAME, "near-duplicate", detail)
        is_right = record.relation is Relation.EQUAL
        if is_right and self._right + 1 > self.settings.keep_right * (len(self._indices) + 1):
            return record.reject(NAME, "enough pairs with nothing wrong")
        for search in searches.values():
            search.keep(place)
        self._count(record)
        return record

    def _count(self, record: TraceRecord) -> None:
        self._indices.append(record.index)
        self._right += record.relation is Relation.EQUAL


def _fingerprint(record: TraceRecord, name: str) -> str:
    assert name in record.fingerprints, f"record {record.index} came without its {name}"
    return record.fingerprints[name]
