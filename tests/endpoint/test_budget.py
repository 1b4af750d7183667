import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from irg.endpoint import (
    Account,
    Endpoint,
    EndpointError,
    EndpointSettings,
    NoAnswer,
    Price,
    spent,
)
from irg.endpoint.budget import Charge, Ledger
from irg.endpoint.database import Database
from tests.endpoint.conftest import (
    PROCESSES,
    QUICK,
    Make,
    ask,
    run,
)
from tests.endpoint.fake_server import Behaviour, FakeServer, Fault

CHEAP = {"judge": {"input": 1.0, "output": 1000.0}}
"""An answer of the fake server without a schema costs 0.0001 for its input and about 0.009 for its output."""


async def ask_all(endpoint: Any, count: int, max_tokens: int = 50) -> list[Any]:
    requests = [endpoint.complete(ask(f"question {number}", max_tokens)) for number in range(count)]
    return await asyncio.gather(*requests, return_exceptions=True)


def reasons(results: list[Any]) -> set[NoAnswer]:
    return {result.reason for result in results if isinstance(result, EndpointError)}


def answered(results: list[Any]) -> int:
    return sum(not isinstance(result, BaseException) for result in results)


def test_a_charge_is_rounded_up_to_billionths() -> None:
    assert Charge.of(Price(input=0.15, output=0.6), 1000, 100).nanos == 150_000 + 60_000
    assert Charge.of(Price(input=0.0375), 1, 0).nanos == 38
    assert Charge.of(Price(image=0.04), 0, 0, images=2).nanos == 80_000_000
    assert Charge.of(None, 1000, 100) == Charge(1000, 100)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_no_more_requests_are_made_than_allowed(make: Make, server: FakeServer, share: float) -> None:
    server.behaviour = Behaviour({Fault.SERVER_ERROR: share}, delay=0.01)
    results = run(ask_all(make(max_requests=20, in_flight=16), 60))
    assert server.num_requests == 20 and reasons(results) == {NoAnswer.BUDGET}
    assert answered(results) == 20 - server.faults[Fault.SERVER_ERROR]


def test_the_bound_holds_over_restarts(make: Make, server: FakeServer) -> None:
    run(ask_all(make(max_requests=5), 8))
    results = run(ask_all(make(max_requests=5), 8))
    assert server.num_requests == 5 and answered(results) == 5  # from the cache, which costs nothing
    assert answered(run(ask_all(make(max_requests=7), 8))) == 7
    assert server.num_requests == 7


def test_the_cost_never_passes_its_bound(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(delay=0.01)
    endpoint = make(prices=CHEAP, max_cost=0.2, in_flight=16)
    results = run(ask_all(endpoint, 60))
    money = spent(endpoint.account)[0].money
    assert reasons(results) == {NoAnswer.BUDGET} and money <= 0.2
    assert money == pytest.approx(sum(r.usage.money for r in results if not isinstance(r, EndpointError)))
    # At most 50 tokens are reserved for an answer that takes 7 or 8: the bound is used up to one answer.
    assert money > 0.2 - 2 * 0.0505


def test_what_is_still_under_way_is_waited_for_before_giving_up(make: Make, server: FakeServer) -> None:
    # A request may cost 0.0501, so only three of the ten can be reserved for at once.
    server.behaviour = Behaviour(delay=0.05)
    results = run(ask_all(make(prices=CHEAP, max_cost=0.17, in_flight=10), 10))
    assert answered(results) == 10 and server.most_at_once == 3


def test_a_request_that_could_pass_the_bound_is_not_made(make: Make, server: FakeServer) -> None:
    results = run(ask_all(make(prices=CHEAP, max_cost=0.05), 1))
    assert reasons(results) == {NoAnswer.BUDGET} and server.num_requests == 0
    assert "max_cost" in results[0].detail


@pytest.mark.parametrize(
    ("fault", "charged"), [(Fault.SERVER_ERROR, False), (Fault.RATE_LIMIT, False), (Fault.BROKEN_OFF, True)]
)
def test_lost_answers_are_charged_where_they_may_have_been_given(
    make: Make, server: FakeServer, fault: Fault, charged: bool
) -> None:
    server.behaviour = Behaviour({fault: 1.0})
    endpoint = make(prices=CHEAP, attempts=2)
    run(ask_all(endpoint, 1))
    spending = spent(endpoint.account)[0]
    assert spending.requests == 2 and sum(spending.events.values()) == 2
    assert spending.money == (pytest.approx(0.1, rel=0.01) if charged else 0.0)


def test_models_and_accounts_have_their_own_sums(make: Make, tmp_path: Path) -> None:
    run(ask_all(make(), 2))
    run(ask_all(make(model="teacher"), 3))
    account = Account(folder=tmp_path / "cache")
    assert [(row.model, row.requests) for row in spent(account)] == [("judge", 2), ("teacher", 3)]
    assert spent(account.model_copy(update={"name": "another"})) == ()
    assert spent(Account(folder=tmp_path / "nowhere")) == () and not (tmp_path / "nowhere").exists()


def test_all_models_of_an_account_share_its_bound(make: Make, server: FakeServer) -> None:
    run(ask_all(make(max_requests=5), 3))
    assert answered(run(ask_all(make(model="teacher", max_requests=5), 3))) == 2


def test_a_bound_on_cost_needs_a_price(make: Make) -> None:
    with pytest.raises(ValueError, match="needs a price for 'judge'"):
        make(max_cost=1.0)


def test_threads_reserve_one_after_another(tmp_path: Path) -> None:
    account = Account(folder=tmp_path, max_requests=50)
    made = []

    def reserve_many() -> None:
        database = Database(account)
        for _ in range(20):
            try:
                Ledger(database, account).reserve("judge", Charge())
            except EndpointError:
                continue
            made.append(1)
        database.close()

    threads = [threading.Thread(target=reserve_many) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 50 == spent(account)[0].requests


def _ask_all_of_it(url: str, folder: Path, bound: int) -> None:
    settings = EndpointSettings(base_url=url, model="judge", backoff=QUICK, in_flight=8)
    endpoint = Endpoint(settings, Account(folder=folder, max_requests=bound))
    run(ask_all(endpoint, 100))


def test_the_bound_holds_for_killed_processes_side_by_side(server: FakeServer, tmp_path: Path) -> None:
    server.behaviour = Behaviour(delay=0.05)
    first = [PROCESSES.Process(target=_ask_all_of_it, args=(server.url, tmp_path, 60)) for _ in range(2)]
    for worker in first:
        worker.start()
    deadline = time.monotonic() + 60
    while server.num_requests < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    for worker in first:
        worker.kill()
        worker.join()
    sent = server.num_requests
    account = Account(folder=tmp_path, max_requests=60)
    assert 20 <= sent <= spent(account)[0].requests < 60
    last = PROCESSES.Process(target=_ask_all_of_it, args=(server.url, tmp_path, 60))
    last.start()
    last.join()
    assert last.exitcode == 0 and sent < server.num_requests <= 60
    assert spent(account)[0].requests == 60
