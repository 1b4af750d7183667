from collections import Counter
from dataclasses import dataclass

from irg.serve.queue import FairQueue


@dataclass(frozen=True)
class Waiter:
    ticket: str
    owner: str
    size: int = 1


def queue_of(*tickets: str) -> FairQueue[Waiter]:
    """Each ticket's first letter is its owner."""
    queue: FairQueue[Waiter] = FairQueue()
    for ticket in tickets:
        queue.push(Waiter(ticket, ticket[0]))
    return queue


def order(queue: FairQueue[Waiter], running: Counter[str] | None = None) -> list[str]:
    """In which they are let in, while nobody who runs ends."""
    running, found = running or Counter(), []
    while (one := queue.pop(running, lambda one: True)) is not None:
        running[one.owner] += 1
        found.append(one.ticket)
    return found


def test_owners_take_turns_however_many_each_has_waiting() -> None:
    assert order(queue_of("a1", "a2", "a3", "b1", "c1", "b2")) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_who_has_least_running_goes_first() -> None:
    assert order(queue_of("a1", "b1", "b2"), Counter(a=2)) == ["b1", "b2", "a1"]


def test_nobody_passes_by_who_does_not_fit_yet() -> None:
    queue = queue_of("a1", "b1")
    assert queue.pop({}, lambda one: one.ticket != "a1") is None
    assert [one.ticket for one in queue] == ["a1", "b1"]


def test_who_leaves_is_gone_wherever_it_stood() -> None:
    queue = queue_of("a1", "a2", "b1")
    assert queue.remove("a2") == Waiter("a2", "a") and queue.remove("a2") is None
    queue.remove("b1")
    assert order(queue) == ["a1"] and len(queue) == 0
