"""Values that a user or a file gave, checked where they are made."""

import math
import operator
import sys
from enum import StrEnum
from typing import Any, TypeVar

Choice = TypeVar("Choice", bound=StrEnum)


def check_number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    whole: bool = False,
    above: float | None = None,
) -> None:
    """Raise ValueError for what is no finite number from `low` to `high` that is more than `above`."""
    is_one = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    # Of whole numbers, some are finite and no float.
    is_one = is_one and -sys.float_info.max <= value <= sys.float_info.max
    if is_one and low <= value <= high and (above is None or value > above):
        return
    least = f" above {above:g}" if above is not None else f" of at least {low:g}" if low > -math.inf else ""
    most = f"{' and' if least else ' of'} at most {high:g}" if high < math.inf else ""
    raise ValueError(f"{name} {value!r}: expected a {'whole ' * whole}number{least}{most}")


def seed_of(value: Any) -> int:
    """A seed as generators take it: a whole number of 64 bits, of Python, numpy or torch. Raises ValueError
    for any other value."""
    try:
        seed = operator.index(value)
    except TypeError:
        seed = None
    if seed is None or isinstance(value, bool) or not -(1 << 63) <= seed < 1 << 63:
        raise ValueError(f"seed {value!r}: expected a whole number of 64 bits")
    return seed


def chosen(name: str, value: Any, kind: type[Choice]) -> Choice:
    """The member that a value names. Raises ValueError, with those that there are, where it names none."""
    try:
        return kind(value)
    except ValueError as unknown:
        raise ValueError(f"{name} {value!r}: expected one of {', '.join(kind)}") from unknown
