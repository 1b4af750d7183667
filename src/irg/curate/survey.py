"""What a run came to, gathered from its folder: by stage, by reason, by number, and some of its records."""

import heapq
from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from irg.core.digest import digest_of
from irg.curate.emit import ANSWERS
from irg.curate.records import TraceRecord, work_of
from irg.data.sets import read_manifest
from irg.endpoint import Account, Spending, spent
from irg.stages.shards import Mark, Shard, Tally
from irg.stages.store import Store

NUM_SHOWN = 24
"""Records of each kind on the contact sheet."""


@dataclass
class RunSurvey:
    """Of all records of a run. `spent` is what endpoints were charged, by model. `numbers` holds the values
    of a score by its name, of kept records and of rejected ones; `kept` and `rejected` are some records with
    pictures, chosen by the hash of their ids."""

    tallies: dict[str, Tally]
    parts: dict[str, int]
    spent: tuple[Spending, ...] = ()
    numbers: "dict[str, tuple[array[float], array[float]]]" = field(default_factory=dict)
    reasons: dict[tuple[str, str], int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    kept: list[TraceRecord] = field(default_factory=list)
    rejected: list[TraceRecord] = field(default_factory=list)

    @property
    def num_kept(self) -> int:
        return sum(self.parts.values())


def survey(out: Path) -> RunSurvey:
    """Read a finished run's folder. Raises ValueError when there is none in it."""
    manifest = read_manifest(out)
    if manifest is None:
        raise ValueError(f"{out} holds no finished curation: manifest.json is missing")
    store = work_of(out)
    marks = [Mark(name, key) for name, key in manifest["shards"]]
    lineages = [store.lineage(number, mark) for number, mark in enumerate(marks)]
    found = RunSurvey(_tallies(store, lineages), manifest["parts"], spent(Account(folder=out / ANSWERS)))
    chosen = _Choice(), _Choice()
    for shard in _shards(store, lineages):
        for place, record in enumerate(shard.records):
            _count(found, record)
            is_rejected = record.rejected is not None
            if not is_rejected or record.image1 is not None:
                chosen[is_rejected].offer(record.id, (shard.number, place))
    found.kept, found.rejected = (_load(store, lineages, choice.places) for choice in chosen)
    return found


def _tallies(store: Store, lineages: list[tuple[Mark, ...]]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for number, lineage in enumerate(lineages):
        for mark in lineage:
            tallies[mark.name] = tallies.get(mark.name, Tally()) + store.tally(number, mark)
    return tallies


def _shards(store: Store, lineages: list[tuple[Mark, ...]]) -> Iterator[Shard]:
    for number, lineage in enumerate(lineages):
        yield store.load(number, lineage, pictures=False)


def _count(found: RunSurvey, record: TraceRecord) -> None:
    if record.rejected is None:
        found.sources[record.source] = found.sources.get(record.source, 0) + 1
    else:
        key = record.rejected.stage, record.rejected.reason
        found.reasons[key] = found.reasons.get(key, 0) + 1
    for name, value in record.scores.items():
        found.numbers.setdefault(name, (array("d"), array("d")))[record.rejected is not None].append(value)


class _Choice:
    """The records whose ids have the smallest hashes: a fair sample, and always the same."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, tuple[int, int]]] = []

    def offer(self, name: str, place: tuple[int, int]) -> None:
        item = -int(digest_of(name)[:15], 16), place
        if len(self._heap) < NUM_SHOWN:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    @property
    def places(self) -> list[tuple[int, int]]:
        return sorted(place for _, place in self._heap)


def _load(store: Store, lineages: list[tuple[Mark, ...]], places: list[tuple[int, int]]) -> list[TraceRecord]:
    by_shard: dict[int, list[int]] = defaultdict(list)
    for number, place in places:
        by_shard[number].append(place)
    records = []
    for number, wanted in by_shard.items():
        shard = store.load(number, lineages[number])
        records += [shard.records[place] for place in wanted]
    return records
