from pathlib import Path

import pytest

from irg.bench.changes import TurnChange
from irg.bench.columns import judged_in
from irg.bench.gallery import Card, cards_of
from irg.bench.runs import BenchRun
from irg.bench.session import look_of
from tests.bench.drawn import made_run
from tests.bench.small import COLOURS

pytestmark = pytest.mark.usefixtures("known_colours")


def cards(folder: Path, count: int = 10) -> tuple[list[Card], int]:
    run = BenchRun.open(folder)
    return cards_of(judged_in(run)[0], look_of(run, COLOURS), count)


def test_every_picture_is_shown_turn_by_turn_with_what_became_of_it(tmp_path: Path) -> None:
    found, total = cards(made_run(tmp_path / "run", "rrb", "brb"))
    assert total == 6 and [card.item for card in found] == ["0", "0", "1", "1", "2", "2"]
    assert [card.change for card in found[::2]] == [
        TurnChange.BROKEN,
        TurnChange.STILL_WRONG,
        TurnChange.STILL_WRONG,
    ]
    assert [card.gain for card in found[::2]] == [-1, 0, 0] and found[4].category == "odd"
    first = found[0]
    assert [(step.name, step.right, step.said) for step in first.steps] == [
        ("turn 1", True, "seen: [255, 0, 0]"), ("turn 2", False, "seen: [0, 0, 255]")
    ]  # fmt: skip
    assert all(step.picture is not None and step.picture.width == 8 for step in first.steps)


def test_what_changed_is_shown_first(tmp_path: Path) -> None:
    found, total = cards(made_run(tmp_path / "run", "rrr", "rrb"), count=2)
    assert total == 6 and [(card.item, card.change) for card in found] == [("2", TurnChange.BROKEN)] * 2


def test_what_is_missing_says_why(tmp_path: Path) -> None:
    found, _ = cards(made_run(tmp_path / "run", "rbr", "r-r"))
    step = found[2].steps[1]
    assert (step.picture, step.value, step.said) == (None, None, "no picture")
    assert found[2].change is None and found[2].category == "plain"
