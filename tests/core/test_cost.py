"""What asking models costs."""

from irg.core.cost import Cost


def test_costs_add_up_and_are_told_apart() -> None:
    first, second = Cost(1, 20, 300, 0.25), Cost(2, 1, 4, 0.5)
    assert first + second == Cost(3, 21, 304, 0.75)
    assert first + second - first == second
    assert sum([first, second], start=Cost()) == second + first
