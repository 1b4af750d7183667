from pathlib import Path

import pytest
from PIL import Image

from irg.bench.episodes import DrawnEpisode
from irg.bench.items import Item
from irg.bench.judging import Evidence, Judged, Judgement, Unjudged, incomplete, judge_missing
from irg.bench.store import SeriesStore, as_line
from irg.core.trace import png

ITEMS = [Item("1", "red", (5, 6)), Item("2", "blue", (7, 8))]
EVERY = {(item.id, picture, turn) for item in ITEMS for picture in (0, 1) for turn in (1, 2)}


def judgements(folder: Path) -> SeriesStore[Judgement]:
    return SeriesStore(folder, "judgements", {}, Judgement)


@pytest.fixture
def drawn(tmp_path: Path) -> SeriesStore[DrawnEpisode]:
    """Two pictures of each item in two turns, all red."""
    store = SeriesStore(tmp_path, "drawn", {}, DrawnEpisode)
    for item in ITEMS:
        for picture in (0, 1):
            names = {turn: f"{item.id}-{picture}-{turn}" for turn in (1, 2)}
            content = {name: png(Image.new("RGB", (2, 2), "red")) for name in names.values()}
            store.add([DrawnEpisode(item.id, picture, {1: "plan"}, names)], content)
    return store


def is_it(item: Item, image: Image.Image) -> dict[str, Evidence]:
    return {"colour": {"right": image.getpixel((0, 0)) == (255, 0, 0)}, "asked": {"for": item.prompt}}


def test_a_drawn_episode_is_one_line_and_comes_back(drawn: SeriesStore[DrawnEpisode]) -> None:
    episode = drawn.records["1", 0]
    line = as_line(episode)
    assert "\n" not in line
    assert SeriesStore(drawn.folder, drawn.name, {}, DrawnEpisode).records["1", 0] == episode


def test_every_picture_has_a_row_for_each_question(drawn: SeriesStore[DrawnEpisode], tmp_path: Path) -> None:
    judged = judge_missing(ITEMS, [drawn], is_it, judgements(tmp_path))
    assert {row.key for row in judged.rows} == {
        (*key, asked) for key in EVERY for asked in ("asked", "colour")
    }
    assert {row.evidence["for"] for row in judged.rows if row.question == "asked" and row.item == "2"} == {
        "blue"
    }
    assert not judged.unjudged and incomplete(ITEMS, (1, 2), judged) is None
    assert list(judgements(tmp_path).records.values()) == judged.rows


def test_what_is_judged_is_not_judged_again(drawn: SeriesStore[DrawnEpisode], tmp_path: Path) -> None:
    first = judge_missing(ITEMS[:1], [drawn], is_it, judgements(tmp_path))
    asked: list[str] = []

    def ask(item: Item, image: Image.Image) -> dict[str, Evidence]:
        asked.append(item.id)
        return is_it(item, image)

    whole = judge_missing(ITEMS, [drawn], ask, judgements(tmp_path))
    assert asked == ["2"] * 4 and len(first.rows) == 8 and whole.rows[:8] == first.rows


def test_what_could_not_be_judged_is_counted_by_reason_and_tried_again(
    drawn: SeriesStore[DrawnEpisode], tmp_path: Path
) -> None:
    def refuse(item: Item, image: Image.Image) -> dict[str, Evidence]:
        if item.id == "2":
            raise Unjudged("the judge gave no answer")
        return is_it(item, image)

    (tmp_path / "pictures" / "drawn-1-0-2.png").unlink()
    (tmp_path / "pictures" / "drawn-1-1-2.png").write_bytes(b"no picture")
    judged = judge_missing(ITEMS, [drawn], refuse, judgements(tmp_path))
    missing = {"picture cannot be read": 2, "the judge gave no answer": 4, "not drawn": 4}
    found = incomplete(ITEMS, (1, 2, 3), judged)
    assert found == {"expected": 12, "judged": 2, "missing": missing}
    again = judge_missing(ITEMS, [drawn], is_it, judgements(tmp_path))
    assert incomplete(ITEMS, (1, 2), again) == {
        "expected": 8, "judged": 6, "missing": {"picture cannot be read": 2}
    }  # fmt: skip


def test_nothing_drawn_is_all_missing() -> None:
    found = incomplete(ITEMS, (1, 2), Judged([], {}))
    assert found == {"expected": 8, "judged": 0, "missing": {"not drawn": 8}}
