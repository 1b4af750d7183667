"""Failures: which are tried again, which end a request, and which a run."""

from collections import Counter
from typing import Any

import pytest

from irg.endpoint import Backoff, NoAnswer, spent
from tests.endpoint.conftest import (
    Make,
    Verdict,
    ask_all,
    failure_of,
    run,
)
from tests.endpoint.fake_server import Behaviour, FakeServer, Fault


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in (Fault.WRONG_SCHEMA, Fault.ECHO)])
@pytest.mark.parametrize("stream", [False, True])
def test_a_passing_fault_costs_an_attempt_and_no_answer(
    make: Make, server: FakeServer, fault: Fault, stream: bool
) -> None:
    server.behaviour = Behaviour({fault: 0.5}, seed=3)
    replies = run(ask_all(make(stream=stream, timeout=0.3, attempts=12), 12))
    assert all(isinstance(reply.value, Verdict) for reply in replies)
    assert sum(reply.attempts for reply in replies) == server.num_requests == 12 + server.faults[fault]
    assert server.faults[fault] > 0


def test_a_lasting_fault_ends_after_all_attempts(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour({Fault.SERVER_ERROR: 1.0})
    error = failure_of(make(attempts=3))
    assert error.reason is NoAnswer.SERVER and "out of order" in error.detail and "3 attempts" in error.detail
    assert server.num_requests == 3


@pytest.mark.parametrize(
    ("status", "code", "reason", "requests"),
    [
        (400, None, NoAnswer.BAD_REQUEST, 1),
        (401, None, NoAnswer.UNAUTHORIZED, 1),
        (402, None, NoAnswer.QUOTA, 1),
        (404, None, NoAnswer.NOT_FOUND, 1),
        (429, "insufficient_quota", NoAnswer.QUOTA, 1),
        (429, "rate_limit_exceeded", NoAnswer.RATE_LIMIT, 2),
        (503, None, NoAnswer.SERVER, 2),
    ],
)
def test_statuses_have_their_reasons(
    make: Make, server: FakeServer, status: int, code: str | None, reason: NoAnswer, requests: int
) -> None:
    server.behaviour = Behaviour(status=lambda body: (status, {"error": {"message": "no", "code": code}}))
    assert failure_of(make(attempts=2)).reason is reason
    assert server.num_requests == requests


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


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


@pytest.mark.parametrize(
    "body",
    [{}, {"choices": []}, {"choices": None}, {"choices": [None]}, {"choices": "x"}, answer(""), [], "text"],
)
def test_answers_of_no_known_form_are_malformed(make: Make, server: FakeServer, body: Any) -> None:
    server.behaviour = Behaviour(status=lambda _: (200, body))
    assert failure_of(make(attempts=2)).reason is NoAnswer.MALFORMED
    assert server.num_requests == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_filtered_answer_is_a_refusal(make: Make, server: FakeServer, stream: bool) -> None:
    server.behaviour = Behaviour(finish="content_filter")
    assert failure_of(make(stream=stream)).reason is NoAnswer.REFUSED and server.num_requests == 1


def test_a_refusal_says_why(make: Make, server: FakeServer) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I would rather not."}
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    server.behaviour = Behaviour(status=lambda _: (200, body))
    error = failure_of(make())
    assert error.reason is NoAnswer.REFUSED and "rather not" in error.detail
