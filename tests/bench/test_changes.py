import pytest

from irg.bench.changes import Pair, Rate, TurnChange, changes_of, pairs_of
from irg.bench.figures import summary_of
from irg.bench.intervals import wilson
from irg.bench.protocol import Sample, Summary


def made(*values: float, graded: bool = False) -> Summary:
    samples = [
        Sample(str(item), 0, "a", value, None if graded else value == 1) for item, value in enumerate(values)
    ]
    return summary_of("v", samples, {"a": len(values)}, {"a": 1.0}, {})


def test_repair_is_of_what_was_wrong_and_damage_of_what_was_right() -> None:
    found = changes_of(("one", made(0, 0, 0, 1, 1)), ("two", made(1, 0, 0, 0, 1)))
    assert (found.before, found.after, found.is_graded) == ("one", "two", False)
    assert found.repaired == Rate(1, 3) and found.damaged == Rate(1, 2)
    assert found.repaired.share == pytest.approx(1 / 3) and found.repaired.interval == wilson(1, 3)
    assert Rate(0, 0).share is None


def test_where_there_is_no_right_and_wrong_there_is_better_and_worse() -> None:
    found = changes_of(
        ("one", made(0.1, 0.5, 0.5, 0.2, graded=True)), ("two", made(0.2, 0.5, 0.1, graded=True))
    )
    assert found.is_graded and found.repaired == Rate(1, 3) and found.damaged == Rate(1, 3)


def test_every_pair_has_its_change() -> None:
    pairs = list(pairs_of(made(0, 1, 0, 1), made(1, 0, 0, 1)))
    assert [pair.change for pair in pairs] == [
        TurnChange.MENDED,
        TurnChange.BROKEN,
        TurnChange.STILL_WRONG,
        TurnChange.RIGHT,
    ]
    assert [pair.gain for pair in pairs] == [1, -1, 0, 0]
    graded = Pair(Sample("1", 0, "a", 0.5), Sample("1", 0, "a", 0.5))
    assert graded.change is TurnChange.SAME
