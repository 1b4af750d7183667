"""Trying again what failed in passing: an endpoint that was too busy, out of order, out of reach, or asked in
a way that it does not take.

Such a record is rejected after all attempts that its request was worth, and stays so, since what a stage made
is kept. `retry` sets those shards aside, so that the next run makes them again: of each, only the records
that were failed, and what follows from them.
"""

from collections import Counter
from collections.abc import Collection

from irg.stages.records import Item
from irg.stages.shards import Mark, Shard
from irg.stages.stage import Identity, live
from irg.stages.store import Store


def retry(store: Store, ordered: str, stages: Collection[str] | None = None) -> Counter[str]:
    """Have all records made again that one of these stages, or any, rejected for a passing reason. Returns
    how many, by reason.

    `ordered` names the stage whose work on a shard depends on all shards before it. Killed in between, this
    leaves a store that a run can go on with, and that it can be called for again.
    """
    files = list(store.files())
    failed: Counter[str] = Counter()
    marks: set[tuple[int, Mark]] = set()
    for number, mark, lineage in files:
        # What a source made in the place of something that did not come needs no other.
        is_meant = len(lineage) > 1 and (stages is None or mark.name in stages)
        rejects = store.tally(number, mark).rejects if is_meant else {}
        for reason in store.codec.passing & rejects.keys():
            failed[reason] += rejects[reason]
            marks.add((number, mark))
    if not marks:
        return failed
    first = min(number for number, _ in marks)
    # The last stages first: what a stage made is never there beside what is to be made again before it.
    for number, mark, lineage in sorted(files, key=lambda file: -len(file[2])):
        if mark.name == ordered and number >= first:
            store.remove(number, mark)
        elif any((number, earlier) in marks for earlier in lineage):
            store.set_aside(number, mark)
    return failed


def left_over(store: Store[Item], identity: Identity, shard: Shard[Item]) -> dict[str, Item]:
    """What a stage need not make again of a shard that was set aside, by id: what it made of the records that
    come to it as they did then, and was not failed."""
    ids = {identity.key(record.id) for record in live(shard.records)}
    records = store.recall_aside(shard, shard.mark.then(identity), ids)
    return {
        record.id: record
        for record in records
        if record.rejected is None or record.rejected.reason not in store.codec.passing
    }
