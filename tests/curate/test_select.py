"""Selection: what depends on the records before."""

import numpy as np
from PIL import Image

from irg.curate.duplicates import embedding_text, perceptual_hash
from irg.curate.records import Relation, TraceRecord
from irg.curate.select import EMBEDDING, HASH, Select, SelectSettings


def record(index: int, seed: int, relation: Relation = Relation.BETTER) -> TraceRecord:
    """A record whose second picture is that of a seed."""
    noise = np.random.default_rng(seed).integers(0, 255, (16, 17, 3), dtype=np.uint8)
    prints = {
        HASH: perceptual_hash(Image.fromarray(noise)),
        EMBEDDING: embedding_text(noise[0, :, 0] - 128.0),
    }
    return TraceRecord(f"id{index}", index, "a prompt", relation=relation, fingerprints=prints)


def reasons(records: list[TraceRecord]) -> list[str | None]:
    return [record.rejected and record.rejected.reason for record in records]


def test_near_duplicates_of_what_was_kept_go() -> None:
    for settings in (SelectSettings(), SelectSettings(hash_distance=None, similarity=0.99)):
        found = Select(settings).run([record(n, seed) for n, seed in enumerate([1, 2, 1, 3, 2])])
        assert reasons(found) == [None, None, "near-duplicate", None, "near-duplicate"]
        assert found[4].rejected is not None and "of record 1" in found[4].rejected.detail


def test_pairs_with_nothing_wrong_are_never_more_than_their_share() -> None:
    rng = np.random.default_rng(0)
    relations = [Relation.EQUAL if rng.random() < 0.8 else Relation.BETTER for _ in range(200)]
    found = Select(SelectSettings(keep_right=0.4)).run([record(n, n, r) for n, r in enumerate(relations)])
    kept, right = 0, 0
    for one in found:
        kept += one.rejected is None
        right += one.rejected is None and one.relation is Relation.EQUAL
        assert right <= 0.4 * kept
    assert right == int(0.4 * kept) and kept - right == relations.count(Relation.BETTER)
    assert set(reasons(found)) == {None, "enough pairs with nothing wrong"}


def test_going_on_is_as_never_having_stopped() -> None:
    relations = [Relation.EQUAL, Relation.BETTER, Relation.BETTER, Relation.EQUAL] * 10
    records = [record(n, n % 31, relation) for n, relation in enumerate(relations)]
    settings = SelectSettings(keep_right=0.3)
    whole = Select(settings).run(records)
    later = Select(settings)
    later.recall(whole[:17])
    assert later.run(records[17:]) == whole[17:]
