"""What asking models costs, as everything that asks or counts knows it."""

from dataclasses import dataclass
from operator import add, sub


@dataclass(frozen=True)
class Cost:
    """What something took of endpoints, answers from the cache included: what it would cost to make anew."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*map(add, vars(self).values(), vars(other).values()))

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(*map(sub, vars(self).values(), vars(other).values()))
