"""Setting aside what endpoints failed, so that it is made again: in an order that may break off anywhere."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from irg.curate.records import PASSING, TraceRecord, work_of
from irg.stages.retry import retry
from irg.stages.shards import Mark, Shard, Tally
from irg.stages.stage import Identity
from irg.stages.store import Store

STAGES = [Identity(name, 1) for name in ("think", "judge", "filter")]
SOURCE, SELECT = Identity("propose", 1), Identity("select", 1)
BUSY, *_ = sorted(PASSING)


class PowerCut(Exception):
    """What may come between any two changes of the store."""


class Fragile(Store):
    """A store whose power is cut after so many changes."""

    def __init__(self, store: Store, changes: int) -> None:
        super().__init__(store.folder, store.codec)
        self.left = changes

    def set_aside(self, number: int, mark: Mark) -> None:
        self._spend()
        super().set_aside(number, mark)

    def remove(self, number: int, mark: Mark) -> None:
        self._spend()
        super().remove(number, mark)

    def _spend(self) -> None:
        if self.left == 0:
            raise PowerCut
        self.left -= 1


def finished(folder: Path, failed: dict[tuple[int, str], str], shards: int = 4) -> Store:
    """The store of a run that came to its end; `failed` has a reason for rejects by shard and stage."""
    store, previous = work_of(folder), ""
    for number in range(shards):
        record = TraceRecord(f"id{number}", number, "a prompt")
        shard = Shard(number, (Mark.first(SOURCE, number, 1),), (record,))
        store.save(shard, None, Tally(1, 1))
        for stage in STAGES:
            reason = failed.get((number, stage.name))
            done = Tally(1, 0, rejects={reason: 1}) if reason else Tally(1, 1)
            after = shard.after(shard.mark.then(stage), shard.records)
            store.save(after, shard, done)
            shard = after
        mark = Mark(SELECT.name, SELECT.key(shard.mark.key + previous))
        store.save(shard.after(mark, shard.records), shard, Tally(1, 1))
        previous = mark.key
    return store


def stages_of(store: Store) -> dict[int, list[str]]:
    """The stages whose work on a shard is there, by shard."""
    there: dict[int, list[str]] = {}
    order = [identity.name for identity in (SOURCE, *STAGES, SELECT)]
    for number, mark, _ in store.files():
        there.setdefault(number, []).append(mark.name)
    return {number: sorted(names, key=order.index) for number, names in there.items()}


ALL = ["propose", "think", "judge", "filter", "select"]
FAILED = {(1, "judge"): BUSY, (3, "think"): BUSY, (2, "filter"): "too plain"}
CHANGES = 8
"""Three selected shards are removed, five of the stages' files set aside."""
LEFT = {0: ALL, 1: ["propose", "think"], 2: ["propose", "think", "judge", "filter"], 3: ["propose"]}


def test_what_failed_in_passing_and_what_follows_from_it_is_set_aside(tmp_path: Path) -> None:
    store = finished(tmp_path, FAILED)
    assert stages_of(store) == dict.fromkeys(range(4), ALL)
    assert retry(store, "select") == {BUSY: 2}
    assert stages_of(store) == LEFT
    assert len(list(tmp_path.glob("work/*/*.aside"))) == 5
    assert retry(store, "select") == {} and stages_of(store) == LEFT


def test_of_certain_stages_only_their_rejects_count(tmp_path: Path) -> None:
    store = finished(tmp_path, FAILED)
    assert retry(store, "select", {"filter"}) == {} and stages_of(store) == dict.fromkeys(range(4), ALL)
    assert retry(store, "select", {"think"}) == {BUSY: 1}
    assert stages_of(store) == dict.fromkeys(range(3), ALL) | {3: ["propose"]}


def test_without_failures_in_passing_nothing_is_touched(tmp_path: Path) -> None:
    store = finished(tmp_path, {(2, "filter"): "too plain"})
    assert retry(store, "select") == {} and stages_of(store) == dict.fromkeys(range(4), ALL)


@pytest.mark.parametrize("changes", range(CHANGES + 1))
def test_broken_off_anywhere_nothing_stands_beside_what_is_to_be_made_again(
    tmp_path: Path, changes: int
) -> None:
    """Or a run that goes on would take a later stage's work for finished, without the failed records."""
    store = finished(tmp_path, FAILED)
    with pytest.raises(PowerCut) if changes < CHANGES else nullcontext():
        retry(Fragile(store, changes), "select")
    there = stages_of(store)
    for number, names in there.items():
        assert names == ALL[: len(names)], f"shard {number} has gaps"
    broken = [number for number, names in there.items() if "filter" not in names]
    for number in range(min(broken, default=4), 4):
        assert "select" not in there[number], "selected after a shard that is to be made again"
    assert retry(store, "select").keys() <= {BUSY}
    assert stages_of(store) == LEFT
