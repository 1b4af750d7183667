from enum import StrEnum

import numpy as np
import pytest
import torch

from irg.core.values import check_number, chosen, seed_of


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


def test_seeds_of_every_kind_of_number() -> None:
    for seed in (7, np.int64(7), np.uint8(7), torch.tensor(7)):
        assert seed_of(seed) == 7 and type(seed_of(seed)) is int
    for wrong in (7.0, "7", None, True, np.bool_(True), 1 << 63, -(1 << 63) - 1):
        with pytest.raises(ValueError, match="expected a whole number of 64 bits"):
            seed_of(wrong)
