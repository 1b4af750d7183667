"""The store: whole files or none, each picture once, one driver at a time."""

from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from irg.core.cost import Cost
from irg.core.picture import Picture
from irg.curate.records import TraceRecord, work_of
from irg.stages.shards import Mark, Shard, Tally
from irg.stages.store import Store

FIRST, SECOND = Mark("propose", "a" * 8), Mark("draw", "b" * 8)
RED, BLUE = (Picture.of(Image.effect_noise((64, 64), spread)) for spread in (40, 50))
DONE = Tally(2, 1, 0.5, {"too bad": 1}, Cost(1, 2, 3, 0.25))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return work_of(tmp_path)


@pytest.fixture
def shards(store: Store) -> tuple[Shard, Shard]:
    """A shard as proposed, one record with a picture, and as it was drawn; both are in the store."""
    records = (TraceRecord("a", 0, "one", image2=RED), TraceRecord("b", 1, "two").reject("propose", "no"))
    before = Shard(3, (FIRST,), records)
    after = before.after(SECOND, [replace(records[0], id="c", image1=BLUE), records[1]])
    store.save(before, None, Tally())
    store.save(after, before, DONE)
    return before, after


def test_what_is_saved_is_there(store: Store, shards: tuple[Shard, Shard]) -> None:
    before, after = shards
    assert store.has(3, SECOND) and not store.has(2, SECOND) and not store.has(3, Mark("draw", "other"))
    assert store.load(3, after.lineage) == after
    assert store.follow(before, SECOND) == after
    assert store.tally(3, SECOND) == DONE
    assert store.lineage(3, SECOND) == after.lineage
    assert store.load(3, after.lineage, pictures=False).records[0].prompt == "one"
    assert list(store.files()) == [(3, SECOND, after.lineage), (3, FIRST, before.lineage)]


def test_a_picture_is_stored_once(store: Store, shards: tuple[Shard, Shard]) -> None:
    size = store.path(3, SECOND).stat().st_size
    assert len(BLUE.data) < size < len(BLUE.data) + len(RED.data)


def test_the_same_records_give_the_same_bytes(
    store: Store, shards: tuple[Shard, Shard], tmp_path: Path
) -> None:
    other = work_of(tmp_path / "other")
    other.save(shards[1], shards[0], DONE)
    assert other.path(3, SECOND).read_bytes() == store.path(3, SECOND).read_bytes()


def test_a_damaged_file_is_named(store: Store, shards: tuple[Shard, Shard]) -> None:
    path = store.path(3, SECOND)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        store.load(3, shards[1].lineage)
    path.unlink()
    with pytest.raises(ValueError, match=f"{path.name} is missing"):
        store.load(3, shards[1].lineage)


@pytest.mark.parametrize("record", ["{", "5", '{"id": "a"}', "[" * 5000])
def test_a_damaged_record_is_named_by_its_file(
    store: Store, shards: tuple[Shard, Shard], record: str
) -> None:
    path = store.path(3, SECOND)
    table = parquet.read_table(path)
    texts = pyarrow.array([record] * len(table), pyarrow.string())
    parquet.write_table(table.set_column(0, "record", texts), path)
    for read in (
        lambda: store.load(3, shards[1].lineage),
        lambda: store.follow(shards[0], SECOND),
    ):
        with pytest.raises(ValueError, match=f"{path.name} is damaged: remove it"):
            read()
    parquet.write_table(table.replace_schema_metadata({b"irg": b"{}"}), path)
    for read in (lambda: store.tally(3, SECOND), lambda: store.lineage(3, SECOND)):
        with pytest.raises(ValueError, match=f"{path.name} is damaged: remove it"):
            read()


def test_what_a_killed_driver_left_half_written_is_no_file(store: Store, shards: tuple[Shard, Shard]) -> None:
    path = store.path(3, SECOND)
    partial = path.with_name(f".{path.name}.123.partial")
    path.rename(partial)
    assert not store.has(3, SECOND) and len(list(store.files())) == 1
    with store.locked():
        assert not partial.exists()


def test_a_file_that_cannot_be_written_leaves_nothing(
    store: Store, shards: tuple[Shard, Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before, after = shards
    with pytest.raises(OSError, match="No space left"):
        store.save(replace(after, number=4), before, DONE)
    assert not [path for path in store.folder.rglob("*4-*") if path.is_file()]


def test_one_driver_at_a_time(store: Store) -> None:
    with (
        store.locked(),
        pytest.raises(ValueError, match="another run is at work"),
        Store(store.folder, store.codec).locked(),
    ):
        raise AssertionError("both are in")
    with store.locked():
        pass


def test_what_is_set_aside_is_made_again_from_what_is_left(store: Store, shards: tuple[Shard, Shard]) -> None:
    before, after = shards
    assert store.recall_aside(before, SECOND, {"c"}) == []
    store.set_aside(3, SECOND)
    assert not store.has(3, SECOND)
    assert store.recall_aside(before, SECOND, {"c"}) == [after.records[0]]
    assert store.recall_aside(before, SECOND, {"d"}) == []
    store.save(after, before, DONE)
    assert store.has(3, SECOND) and store.recall_aside(before, SECOND, {"c"}) == []
