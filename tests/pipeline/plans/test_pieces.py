import pytest

from irg.pipeline.plans.pieces import Each, PieceName, Say, filled, names_of, places_in


@pytest.mark.parametrize(
    ("piece", "parts"),
    [
        ("prompt", ("prompt", "", "")),
        ("system.look", ("system", "look", "")),
        ("I:cv", ("I", "", "cv")),
        ("C:canonical", ("C", "", "canonical")),
    ],
)
def test_a_piece_has_a_name_a_part_and_a_form(piece: str, parts: tuple[str, str, str]) -> None:
    assert PieceName.of(piece) == parts


def test_names_within_each_are_names_too() -> None:
    assert names_of(("a", Each(each=("b", "c:v")), Say(say="{d}"))) == ["a", "b", "c:v"]


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    assert places_in("{a} {b} {} {a b}") == ["a", "b"]
    assert filled("{a} and {b}", {"a": "{b}", "b": "c"}) == "{b} and c"
