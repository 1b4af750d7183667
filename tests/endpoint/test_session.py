"""Sending: what is tried again and how long it waits, what ends a request, and what a run."""

import itertools
from collections import Counter
from typing import Any

import pytest

from irg.endpoint import Backoff, EndpointError, NoAnswer, spent
from irg.endpoint.session import Patience
from tests.endpoint.conftest import (
    Make,
    Verdict,
    ask_all,
    failure_of,
    run,
)
from tests.endpoint.fake_server import Behaviour, FakeServer, Fault

NO_FAILURES = (Fault.WRONG_SCHEMA, Fault.ECHO)
"""Answers that no other attempt would change."""
SILENT = (Fault.HANG, Fault.SLOW_STREAM)
"""Faults that only the clock tells."""


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in NO_FAILURES + SILENT])
@pytest.mark.parametrize("stream", [False, True])
def test_a_passing_fault_costs_an_attempt_and_no_answer(
    make: Make, server: FakeServer, fault: Fault, stream: bool
) -> None:
    server.behaviour = Behaviour({fault: 0.5}, seed=3)
    replies = run(ask_all(make(stream=stream, timeout=60.0, attempts=12), 12))
    assert all(isinstance(reply.value, Verdict) for reply in replies)
    assert sum(reply.attempts for reply in replies) == server.num_requests == 12 + server.faults[fault]
    assert server.faults[fault] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_not_there_in_time_costs_an_attempt(
    make: Make, server: FakeServer, stream: bool
) -> None:
    """All wait for it at once, and once only, so that the others have time enough on a busy machine."""
    server.behaviour = Behaviour(dict.fromkeys(SILENT, 0.5), seed=3, times=1)
    endpoint = make(stream=stream, timeout=2.0, attempts=12)
    replies = run(ask_all(endpoint, 8))
    assert all(isinstance(reply.value, Verdict) for reply in replies)
    assert sum(reply.attempts for reply in replies) == server.num_requests == 8 + server.faults.total()
    assert set(server.faults) == set(SILENT)
    assert spent(endpoint.account)[0].events == {NoAnswer.TIMEOUT: 8}


def test_a_lasting_fault_ends_after_all_attempts(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour({Fault.SERVER_ERROR: 1.0})
    error = failure_of(make(attempts=3))
    assert error.reason is NoAnswer.SERVER and "out of order" in error.detail and "3 attempts" in error.detail
    assert server.num_requests == 3


def test_what_would_befall_all_is_asked_once(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(status=lambda body: (401, {"error": {"message": "who are you?"}}))
    endpoint = make(in_flight=1)
    failures = run(ask_all(endpoint, 20))
    assert {failure.reason for failure in failures} == {NoAnswer.UNAUTHORIZED} and server.num_requests == 1


def test_an_endpoint_that_is_gone_is_given_up(make: Make, server: FakeServer) -> None:
    endpoint = make(attempts=2, patience=5, in_flight=1)
    server.stop()
    reasons = Counter(failure.reason for failure in run(ask_all(endpoint, 20)))
    assert reasons == {NoAnswer.CONNECTION: 4, NoAnswer.UNAVAILABLE: 16}
    assert spent(endpoint.account)[0].requests < 40  # nothing more was sent


def test_retry_after_is_waited_for_by_all(make: Make, server: FakeServer) -> None:
    pauses = iter([True])
    server.behaviour = Behaviour(
        {Fault.RETRY_AFTER: 1.0},
        status=lambda body: None if next(pauses, False) else (200, answer('{"better": "first", "why": "-"}')),
        retry_after="0.4",
    )
    endpoint = make(in_flight=1)
    assert all(isinstance(reply.value, Verdict) for reply in run(ask_all(endpoint, 4)))
    first, second = server.requests[:2]
    assert second.body["messages"] != first.body["messages"]  # another question, which waits as well
    assert second.at - first.at >= 0.4


def test_a_longer_wait_than_allowed_is_not_waited_for(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour({Fault.RETRY_AFTER: 1.0}, retry_after="3600")
    error = failure_of(make(backoff=Backoff(first=0.01, retry_after=10)))
    assert error.reason is NoAnswer.RATE_LIMIT and server.num_requests == 1


@pytest.mark.parametrize("status", [400, 403, 422])
def test_what_is_said_to_the_first_of_all_is_not_asked_for_by_the_rest(
    make: Make, server: FakeServer, status: int
) -> None:
    numbers = itertools.count()

    def refuse(body: dict[str, Any]) -> tuple[int, Any]:
        words = f"unknown field max_tokens (request req_{next(numbers)}a)"
        return status, {"error": {"message": words}}

    server.behaviour = Behaviour(status=refuse)
    failures = run(ask_all(make(in_flight=1, alike=4), 20))
    reasons = Counter(failure.reason for failure in failures)
    assert reasons == {NoAnswer.BAD_REQUEST: 3, NoAnswer.ALIKE: 17} and server.num_requests == 4
    assert "unknown field max_tokens" in failures[-1].detail and f"HTTP {status}" in failures[-1].detail


def test_the_same_refusal_to_some_stops_nothing_once_others_were_answered(
    make: Make, server: FakeServer
) -> None:
    refused = (400, {"error": {"message": "filtered", "code": "content_filter"}})
    server.behaviour = Behaviour(status=lambda body: None if "question 0" in str(body) else refused)
    endpoint = make(in_flight=1, alike=3)
    results = run(ask_all(endpoint, 8))
    assert [failure.reason for failure in results[1:]] == 7 * [NoAnswer.REFUSED]
    again = run(ask_all(make(in_flight=1, alike=3), 8))  # another process knows that from its answers
    assert again[0].cached and [failure.reason for failure in again[1:]] == 7 * [NoAnswer.REFUSED]


def test_only_the_same_words_to_the_same_kind_of_question_count() -> None:
    def said(kind: str, words: str) -> NoAnswer:
        return patience.failed(kind, EndpointError(NoAnswer.REFUSED, words)).reason

    patience = Patience(50, 3)
    for words in ("no", "no", "never", "no", "no"):
        assert said("judge", words) is NoAnswer.REFUSED
    assert said("think", "no") is NoAnswer.REFUSED and said("judge", "no") is NoAnswer.ALIKE


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


def failure(reason: NoAnswer) -> EndpointError:
    return EndpointError(reason, "so it is")


def test_patience_ends_with_so_many_in_a_row() -> None:
    patience = Patience(3, 50)
    for _ in range(2):
        first, second = failure(NoAnswer.TIMEOUT), failure(NoAnswer.BAD_REQUEST)
        assert patience.failed("kind", first) is first and patience.failed("kind", second) is second
        patience.check()
        patience.answered("kind")
    for reason in (NoAnswer.TIMEOUT, NoAnswer.SERVER, NoAnswer.REFUSED):  # who refuses has answered
        assert patience.failed("kind", failure(reason)).reason is reason
    last = [patience.failed("kind", failure(NoAnswer.SERVER)) for _ in range(3)][-1]
    assert last.reason is NoAnswer.UNAVAILABLE
    assert last.detail == "3 requests in a row got no answer, the last: server error: so it is"
    for _ in range(2):
        with pytest.raises(EndpointError, match="endpoint unavailable: 3 requests in a row"):
            patience.check()
        patience.answered("kind")  # one that was under way: it is over all the same
    late = failure(NoAnswer.QUOTA)
    assert patience.failed("kind", late) is late
    with pytest.raises(EndpointError, match="endpoint unavailable"):
        patience.check()


def test_patience_has_no_need_of_a_second_failure_that_concerns_all() -> None:
    patience = Patience(50, 50)
    patience.failed("kind", failure(NoAnswer.NOT_FOUND))
    with pytest.raises(EndpointError, match="no such model or path: so it is"):
        patience.check()
