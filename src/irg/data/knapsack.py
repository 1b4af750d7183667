"""Filling what room a row has left: a subset of sums, on the bits of integers."""

from collections.abc import Sequence

_UNITS = 4096
"""Resolution: a row's capacity is counted in so many units at most, which costs at most a unit per item."""
_TOLERANCE = 1 / 400
"""Share of the capacity that may stay empty if that spares looking at younger items."""


def fill(costs: Sequence[int], room: int, capacity: int) -> list[int]:
    """Places of items, in order, whose costs together come close to the `room` left of a row's `capacity`.

    As many of the first items are considered as it takes to fill the room to within the tolerance; all, if
    that cannot be done, and then the best that they allow is chosen. So the first items do not wait for long.
    """
    unit = max(1, capacity // _UNITS)
    units = [-(-cost // unit) for cost in costs]
    space = room // unit
    goal = max(space - int(capacity * _TOLERANCE) // unit, 1)
    mask = (1 << (space + 1)) - 1
    sums = [1]  # bit s of sums[n]: some of the first n items cost s units together
    for cost in units:
        if sums[-1] >> goal:
            break
        sums.append(sums[-1] | (sums[-1] << cost) & mask if cost <= space else sums[-1])
    left = sums[-1].bit_length() - 1
    chosen = []
    for place in range(len(sums) - 2, -1, -1):
        if not sums[place] >> left & 1:
            chosen.append(place)
            left -= units[place]
    return chosen[::-1]
