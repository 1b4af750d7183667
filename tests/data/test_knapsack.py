from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from irg.data.knapsack import fill

COSTS = st.lists(st.integers(1, 60), max_size=9)


def best(costs: list[int], room: int) -> int:
    """The greatest sum that fits, by trying all."""
    sums = (sum(some) for count in range(len(costs) + 1) for some in combinations(costs, count))
    return max(total for total in sums if total <= room)


@given(COSTS, st.integers(0, 100))
def test_fills_as_well_as_can_be(costs: list[int], room: int) -> None:
    """At this capacity neither the resolution nor the tolerance leaves anything out."""
    chosen = fill(costs, room, capacity=100)
    assert chosen == sorted(set(chosen))
    assert sum(costs[place] for place in chosen) == best(costs, room)


@given(st.lists(st.integers(1, 30_000), max_size=9), st.integers(0, 40_960))
def test_at_real_sizes_it_loses_no_more_than_the_tolerance(costs: list[int], room: int) -> None:
    total = sum(costs[place] for place in fill(costs, room, capacity=40_960))
    assert total <= room
    # A hundredth part for the tolerance, and for each item up to 9 tokens of rounding and 10 for the room.
    assert total >= best(costs, max(room - 10 * (len(costs) + 1), 0)) - 40_960 // 400


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(0, 100))
def test_later_items_are_left_alone_where_earlier_ones_do(costs: list[int], room: int) -> None:
    chosen = fill(costs, room, capacity=100)
    needed = next(count for count in range(len(costs) + 1) if best(costs[:count], room) == best(costs, room))
    assert all(place < needed for place in chosen)


def test_items_of_one_cost_come_in_order() -> None:
    assert fill([1] * 10, 4, capacity=4) == [0, 1, 2, 3]
