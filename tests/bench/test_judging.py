import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from irg.bench.items import Item
from irg.bench.judging import LIGHT, hear_missing, hearings
from irg.bench.pictures import Look, ShownPicture
from irg.bench.protocol import EvidenceRow, Hearing, Shown, Status, missing_pictures
from irg.bench.store import SeriesStore
from tests.bench.small import BLUE, ITEMS, RED, ColourJudge

ASKED = [(item, turn) for item in ITEMS for turn in (1, 2)]
Held = dict[tuple[str, int, int], bytes]


def store(folder: Path) -> SeriesStore[Hearing]:
    return SeriesStore(folder, "evidence", {}, Hearing)


def held(**changes: Any) -> Held:
    """Two pictures of each item in two turns, all red."""
    return {(item.id, turn, number): RED for item, turn in ASKED for number in (0, 1)}


def look_at(pictures: Held) -> Look:
    def look(item: Item, turn: int) -> dict[int, ShownPicture | str]:
        keys = {number: (item.id, turn, number) for number in (0, 1)}
        return {
            number: ShownPicture(pictures[key]) if key in pictures else "no picture"
            for number, key in keys.items()
        }

    return look


def test_every_picture_has_a_row_for_each_question(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    hear_missing(ASKED, look_at(held()), ColourJudge(), store(tmp_path), lambda *done: told.append(done))
    assert told[0] == (0, 6) and told[-1] == (6, 6)
    found = store(tmp_path)
    assert set(found.records) == {(item.id, turn) for item, turn in ASKED}
    assert all(list(hearing.ok(0)) == list(hearing.ok(1)) == ["colour"] for hearing in found.records.values())
    assert set(hearings(found, 2)) == {"0", "1", "2"}
    assert not missing_pictures(ITEMS, hearings(found, 2))


def test_what_is_judged_is_not_judged_again_unless_its_pictures_changed(tmp_path: Path) -> None:
    pictures = held()
    hear_missing(ASKED[:3], look_at(pictures), ColourJudge(), store(tmp_path))
    pictures["0", 2, 1] = BLUE
    judge = ColourJudge()
    hear_missing(ASKED, look_at(pictures), judge, store(tmp_path))
    assert judge.asked == [("0", 2), ("1", 2), ("2", 1), ("2", 2)]
    assert store(tmp_path).records["0", 2].ok(1)["colour"].evidence == {"seen": [0, 0, 255]}


def test_what_could_not_be_judged_is_told_by_reason_and_tried_again(tmp_path: Path) -> None:
    pictures = held() | {("0", 1, 0): b"no picture"}
    del pictures["1", 1, 1], pictures["1", 2, 0], pictures["1", 2, 1]
    hear_missing(ASKED, look_at(pictures), ColourJudge(refused=("2",)), store(tmp_path))
    found = store(tmp_path)
    assert missing_pictures(ITEMS, hearings(found, 1)) == {
        "picture cannot be read": 1, "no picture": 1, "judge error": 2
    }  # fmt: skip
    assert missing_pictures(ITEMS, hearings(found, 2)) == {"no picture": 2, "judge error": 2}
    assert list(found.records["0", 1].shown) == [1] and found.records["0", 1].ok(1)
    again = ColourJudge()
    hear_missing(ASKED, look_at(pictures), again, store(tmp_path))
    assert again.asked == [("2", 1), ("2", 2)], "what is not there is not asked for again"
    hear_missing(ASKED, look_at(pictures | {("0", 1, 0): RED}), again, store(tmp_path))
    assert again.asked[2:] == [("0", 1)] and store(tmp_path).records["0", 1].is_settled


def test_what_a_judge_told_of_before_it_failed_is_kept(tmp_path: Path) -> None:
    class Dying(ColourJudge):
        def hear(self, shown: Sequence[Shown]) -> Iterator[tuple[Shown, list[EvidenceRow]]]:
            for number, found in enumerate(super().hear(shown)):
                if number == 4:
                    raise ConnectionError("the judge is gone")
                yield found

    with pytest.raises(ConnectionError, match="gone"):
        hear_missing(ASKED, look_at(held()), Dying(), store(tmp_path))
    judge = ColourJudge()
    hear_missing(ASKED, look_at(held()), judge, store(tmp_path))
    assert judge.asked == [("2", 1), ("2", 2)]


def test_evidence_stays_where_it_lies_until_it_is_asked_for(tmp_path: Path) -> None:
    def hearing(number: int) -> Hearing:
        seen = {"boxes": [[float(place), 0.5, 0.5, 0.5] for place in range(number, number + 100)]}
        refused = EvidenceRow(1, "boxes", {"reason": "too large"}, Status.JUDGE_ERROR)
        return Hearing(f"{number}", 1, {0: "a", 1: "b"}, {}, (EvidenceRow(0, "boxes", seen), refused))

    made = [hearing(number) for number in range(200)]
    store(tmp_path).add(made, {})
    tracemalloc.start()
    try:
        light = SeriesStore(tmp_path, "evidence", {}, Hearing, light=LIGHT)
        assert tracemalloc.get_traced_memory()[0] < 200 * 3_000, "of 100 boxes alone it is 20,000 bytes"
    finally:
        tracemalloc.stop()
    assert [*light.records.values()] == made
    kept = light.records["7", 1].rows
    assert len(kept[0].evidence) == 1 and kept[0].evidence["boxes"][0] == [7, 0.5, 0.5, 0.5]
    assert kept[1].fault == "judge error: too large"
    light.path.write_bytes(light.path.read_bytes().replace(b'{"reason": "too large"}', b"1"))
    with pytest.raises(ValueError, match="'1' is no evidence: expected an object"):
        next(iter(SeriesStore(tmp_path, "evidence", {}, Hearing, light=LIGHT).records.values())).failure(1)
