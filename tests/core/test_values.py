from enum import StrEnum

import pytest

from irg.core.values import check_number, chosen


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "3", None, True, [1], 0, 11])
def test_what_is_no_number_in_range(value: object) -> None:
    with pytest.raises(ValueError, match=r"size .*: expected a number of at least 1 and at most 10"):
        check_number("size", value, 1, 10)


def test_numbers_in_range() -> None:
    for value in (1, 10, 2.5):
        check_number("size", value, 1, 10)
    check_number("size", 3, whole=True, above=2)
    with pytest.raises(ValueError, match=r"size 2\.0: expected a whole number above 0"):
        check_number("size", 2.0, whole=True, above=0)
    with pytest.raises(ValueError, match=r"size 0: expected a number above 0"):
        check_number("size", 0, above=0)


def test_whole_numbers_that_no_float_holds_are_none_here() -> None:
    with pytest.raises(ValueError, match="size 1000"):
        check_number("size", 10**400, 1, whole=True)


def test_choices_are_named_by_themselves_or_their_value() -> None:
    assert chosen("colour", "red", Colour) is Colour.RED is chosen("colour", Colour.RED, Colour)
    for value in ("blue", None, 3, []):
        with pytest.raises(ValueError, match=r"colour .*: expected one of red, green"):
            chosen("colour", value, Colour)
