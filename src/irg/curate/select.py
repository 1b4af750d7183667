"""Selection, in the order of the proposals: near-duplicates of what was kept before, and the share of pairs
in which nothing is wrong."""

from collections.abc import Sequence

from pydantic import Field

from irg.core.settings import BaseSettings
from irg.curate.duplicates import Embeddings, Hashes
from irg.curate.records import Relation, TraceRecord
from irg.stages.stage import Identity

NAME = "select"
HASH, EMBEDDING = "hash", "embedding"
"""The names of the fingerprints that near-duplicates are found by."""


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
        return [self._select(record) for record in records]

    def recall(self, records: Sequence[TraceRecord]) -> None:
        for record in records:
            if record.rejected is None:
                self._add(record)

    def _select(self, record: TraceRecord) -> TraceRecord:
        for name, near in self._near.items():
            found = near.find(self._fingerprint(record, name))
            if found is not None:
                detail = f"of record {self._indices[found]}, by {name}"
                return record.reject(NAME, "near-duplicate", detail)
        is_right = record.relation is Relation.EQUAL
        if is_right and self._right + 1 > self.settings.keep_right * (len(self._indices) + 1):
            return record.reject(NAME, "enough pairs with nothing wrong")
        self._add(record)
        return record

    def _add(self, record: TraceRecord) -> None:
        for name, near in self._near.items():
            near.add(self._fingerprint(record, name))
        self._indices.append(record.index)
        self._right += record.relation is Relation.EQUAL

    def _fingerprint(self, record: TraceRecord, name: str) -> str:
        assert name in record.fingerprints, f"record {record.index} came without its {name}"
        return record.fingerprints[name]
