import pytest

from irg.bench.conditions import ABLATIONS, ALTERNATIVES, Condition, comparisons, in_order, title


def test_every_condition_has_a_title_and_a_place() -> None:
    everything = {*Condition, "turn1", "turn2"}
    assert set(in_order(set(map(str, everything)), 2)) == everything
    assert len({title(name) for name in everything}) == len(everything)
    assert {*ALTERNATIVES, *ABLATIONS} == {*Condition} - {Condition.BASE, Condition.BASE_THOUGHT}


def test_what_was_not_run_is_left_out() -> None:
    assert in_order({"turn2", "base", "no_view"}, 4) == ["base", "turn2", "no_view"]
    assert comparisons({"base", "turn1", "turn2", "no_view"}, 2) == [
        ("turn2", "base"),
        ("turn1", "base"),
        ("turn2", "turn1"),
        ("turn2", "no_view"),
    ]


def test_each_turn_is_compared_with_the_one_before() -> None:
    pairs = comparisons({f"turn{turn}" for turn in range(1, 5)}, 4)
    assert pairs == [("turn2", "turn1"), ("turn3", "turn2"), ("turn4", "turn3")]


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no condition is called 'turnip'"):
        title("turnip")
