"""Values that a user or a file gave, checked where they are made."""

import math
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


def chosen(name: str, value: Any, kind: type[Choice]) -> Choice:
    """The member that a value names. Raises ValueError, with those that there are, where it names none."""
    try:
        return kind(value)
    except ValueError as unknown:
        raise ValueError(f"{name} {value!r}: expected one of {', '.join(kind)}") from unknown
