"""Who is next: owners take turns, and whoever has least running goes first."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What can wait: it has a name, and belongs to somebody."""

    @property
    def ticket(self) -> str: ...

    @property
    def owner(self) -> str: ...


Waiter = TypeVar("Waiter", bound=Queued)


class FairQueue(Generic[Waiter]):
    """Waiting requests of several owners, each owner's in their order."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, deque[Waiter]] = OrderedDict()
        """Least recently served first."""

    def __len__(self) -> int:
        return sum(map(len, self._owners.values()))

    def __iter__(self) -> Iterator[Waiter]:
        for waiting in self._owners.values():
            yield from waiting

    def push(self, one: Waiter) -> None:
        self._owners.setdefault(one.owner, deque()).append(one)

    def pop(self, running: Mapping[str, int], fits: Callable[[Waiter], bool]) -> Waiter | None:
        """The next one; None where nobody waits, or where it does not fit yet: nobody passes it by, or
        large requests would wait for ever."""
        if not self._owners:
            return None
        # The first of the least: owners stand in the order in which they were served.
        owner = min(self._owners, key=lambda name: running.get(name, 0))
        if not fits(self._owners[owner][0]):
            return None
        one = self._owners[owner].popleft()
        self._owners.move_to_end(owner)
        if not self._owners[owner]:
            del self._owners[owner]
        return one

    def remove(self, ticket: str) -> Waiter | None:
        """Take one out, wherever it stands; None where it does not wait."""
        for owner, waiting in self._owners.items():
            for one in waiting:
                if one.ticket == ticket:
                    waiting.remove(one)
                    if not waiting:
                        del self._owners[owner]
                    return one
        return None
