import pytest

from irg.bench.scene.conditions import (
    ABLATIONS,
    ALTERNATIVES,
    Condition,
    comparisons,
    in_order,
    kind,
    name_of_other,
    short_title,
    title,
)

OTHERS = {name_of_other("b", "turn2"), name_of_other("a", "direct"), name_of_other("a", "turn2")}


def test_every_condition_has_a_title_and_a_place() -> None:
    everything = {*map(str, Condition), "turn1", "turn2", *OTHERS}
    assert set(in_order(everything, 2)) == everything
    assert len({title(name) for name in everything}) == len(everything)
    assert len({short_title(name) for name in everything}) == len(everything)
    kinds = {kind(name) for name in everything}
    assert kinds == {"turn", "alternative", "ablation", "other"}
    bases = {Condition.BASE, Condition.BASE_THOUGHT, Condition.DIRECT}
    assert {*ALTERNATIVES, *ABLATIONS} == {*Condition} - bases


def test_other_checkpoints_come_last_and_are_compared_like_with_like() -> None:
    names = {"direct", "turn2", *OTHERS}
    assert in_order(names, 2) == ["direct", "turn2", "a/direct", "a/turn2", "b/turn2"]
    assert comparisons(names, 2) == [
        ("turn2", "direct"),
        ("direct", "a/direct"),
        ("turn2", "a/turn2"),
        ("turn2", "b/turn2"),
    ]
    assert title("a/turn2") == "a: turn 2" and title("a/direct") == "a: drawn at once"


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
