"""What a run came to, gathered from its folder: by stage, by reason, by number, and some of its records."""

import heapq
from array import array
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from irg.core.digest import digest_of
from irg.curate.emit import ANSWERS
from irg.curate.records import TraceRecord, work_of
from irg.data.sets import read_manifest
from irg.endpoint import Account, Spending, spent
from irg.stages.shards import Mark, Tally
from irg.stages.store import Store

NUM_SHOWN = 24
"""Records of each kind on the contact sheet."""


@dataclass
class RunSurvey:
    """Of all records of a run. `spent` is what endpoints were charged, by model. `numbers` holds the values
    of a score by its name, of kept records and of rejected ones; `kept` and `rejected` are some records with
    pictures, chosen by the hash of their ids."""

    parts: dict[str, int]
    reasons: dict[tuple[str, str], int]
    """Rejects, by stage and reason."""
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    """What was said of the first reject of a stage and reason of which anything was."""
    spent: tuple[Spending, ...] = ()
    tallies: dict[str, Tally] = field(default_factory=dict)
    numbers: "dict[str, tuple[array[float], array[float]]]" = field(default_factory=dict)
    sources: Counter[str] = field(default_factory=Counter)
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
    lineages = [store.lineage(number, Mark(*mark)) for number, mark in enumerate(manifest["shards"])]
    rejects = manifest["rejects"].items()
    reasons = {(stage, reason): count for stage, counts in rejects for reason, count in counts.items()}
    found = RunSurvey(manifest["parts"], reasons, spent=spent(Account(folder=out / ANSWERS)))
    chosen: tuple[list[_Shown], list[_Shown]] = [], []
    for number, lineage in enumerate(lineages):
        for mark in lineage:
            found.tallies[mark.name] = found.tallies.get(mark.name, Tally()) + store.tally(number, mark)
        records = store.load(number, lineage, pictures=False).records
        for place, record in enumerate(records):
            _count(found, record)
            if record.rejected is None or record.image1 is not None:
                shown = digest_of(record.id), number, place
                chosen[record.rejected is not None].append(shown)
        for some in chosen:
            some[:] = heapq.nsmallest(NUM_SHOWN, some)
    found.kept, found.rejected = (_load(store, lineages, some) for some in chosen)
    return found


_Shown = tuple[str, int, int]
"""The hash of a record's id, its shard and its place there: the smallest hashes are a fair sample."""


def _count(found: RunSurvey, record: TraceRecord) -> None:
    if record.rejected is None:
        found.sources[record.source] += 1
    elif detail := record.rejected.detail:
        found.examples.setdefault((record.rejected.stage, record.rejected.reason), detail)
    for name, value in record.scores.items():
        found.numbers.setdefault(name, (array("d"), array("d")))[record.rejected is not None].append(value)


def _load(store: Store, lineages: list[tuple[Mark, ...]], chosen: list[_Shown]) -> list[TraceRecord]:
    records = []
    places = sorted((number, place) for _, number, place in chosen)
    for number, group in groupby(places, key=itemgetter(0)):
        shard = store.load(number, lineages[number])
        records += [shard.records[place] for _, place in group]
    return records
