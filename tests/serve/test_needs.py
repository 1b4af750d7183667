import pytest

from irg.serve.needs import previews


@pytest.mark.parametrize(
    "num, total, expected", [(0, 8, set()), (3, 8, {2, 4, 6}), (2, 8, {3, 5}), (3, 2, {1})]
)
def test_previews_are_evenly_spaced(num: int, total: int, expected: set[int]) -> None:
    assert previews(num, total) == expected
