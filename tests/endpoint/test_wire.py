"""The wire: what a server says, read, and what goes wrong, named."""

import base64
import io
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from PIL import Image

from irg.core.picture import Picture
from irg.endpoint import EndpointSettings, NoAnswer
from irg.endpoint.answers import AttemptError, Response
from irg.endpoint.wire import DETAIL, Wire
from tests.endpoint.conftest import (
    Make,
    failure_of,
    run,
)
from tests.endpoint.fake_server import Behaviour, FakeServer, Fault, serving

QUESTION = {"model": "judge", "messages": [{"role": "user", "content": "a question"}]}


async def said(server: FakeServer, drawn: bool = False, **settings: Any) -> Response:
    wire = Wire(EndpointSettings(base_url=server.url, model="judge", **settings))
    try:
        return await (wire.draw({"prompt": "red"}, None) if drawn else wire.chat(QUESTION))
    finally:
        await wire.close()


def wrong_of(server: FakeServer, **settings: Any) -> AttemptError:
    with pytest.raises(AttemptError) as caught:
        run(said(server, **settings))
    return caught.value


@pytest.mark.parametrize("usage", [True, False])
def test_an_answer_is_the_same_whole_and_streamed(server: FakeServer, usage: bool) -> None:
    server.behaviour = Behaviour(answer=lambda body: " two words " * 8, usage=usage, finish="length")
    whole = run(said(server))
    assert whole == Response(" two words " * 8, "length", "judge-0613", *((100, 22) if usage else ()))
    server.behaviour = Behaviour(answer=lambda body: " two words " * 8, finish="length")
    assert run(said(server, stream=True)) == Response(" two words " * 8, "length", "m", 100, 22)
    assert [seen.body.get("stream") for seen in server.requests] == [None, True]


@pytest.mark.parametrize(
    ("fault", "stream", "reason", "detail", "served"),
    [
        (Fault.HANG, False, NoAnswer.TIMEOUT, "no answer in 0.2 s", True),
        (Fault.HANG, True, NoAnswer.TIMEOUT, "no answer in 0.2 s", True),
        (Fault.RESET, False, NoAnswer.CONNECTION, "ReadError", True),
        (Fault.BROKEN_OFF, False, NoAnswer.CONNECTION, "RemoteProtocolError", True),
        (Fault.BROKEN_OFF, True, NoAnswer.MALFORMED, "the stream broke off", True),
        (Fault.TRUNCATED, False, NoAnswer.MALFORMED, "no JSON but '{", True),
        (Fault.SERVER_ERROR, True, NoAnswer.SERVER, "out of order", False),
    ],
)
def test_a_fault_is_named_and_whether_it_may_have_been_served(
    server: FakeServer, fault: Fault, stream: bool, reason: NoAnswer, detail: str, served: bool
) -> None:
    server.behaviour = Behaviour({fault: 1.0})
    wrong = wrong_of(server, stream=stream, timeout=0.2 if fault is Fault.HANG else 60.0)
    assert (wrong.reason, wrong.served, wrong.retry_after) == (reason, served, None)
    assert detail in wrong.detail and wrong.__cause__ is None


def test_of_a_long_message_the_beginning_is_kept(server: FakeServer) -> None:
    server.behaviour = Behaviour(status=lambda body: (400, {"error": {"message": "no " * 1000}}))
    assert len(wrong_of(server).detail) == DETAIL


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("2.5", 2.5), ("-3", 0.0), ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0), ("soon", None)],
)
def test_a_server_says_how_long_to_wait(server: FakeServer, asked: str, seconds: float | None) -> None:
    server.behaviour = Behaviour({Fault.RETRY_AFTER: 1.0}, retry_after=asked)
    assert wrong_of(server).retry_after == seconds


def test_a_server_may_say_until_when_to_wait(server: FakeServer) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.behaviour = Behaviour({Fault.RETRY_AFTER: 1.0}, retry_after=until)
    assert wrong_of(server).retry_after == pytest.approx(3600, abs=60)


def test_a_server_that_is_not_there_has_no_connection(server: FakeServer) -> None:
    server.stop()
    assert wrong_of(server).reason is NoAnswer.CONNECTION


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_whatever_is_drawn_comes_as_png(server: FakeServer, kind: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((8, 8), 50).convert("RGB").save(file, format=kind)
    drawn = {"b64_json": base64.b64encode(file.getvalue()).decode()}
    server.behaviour = Behaviour(status=lambda body: (200, {"data": [drawn]}))
    content = run(said(server, drawn=True)).content
    assert isinstance(content, bytes) and Picture(content).kind == "png"
    assert Picture(content).open().tobytes() == Picture(file.getvalue()).open().tobytes()
    assert kind != "PNG" or content == file.getvalue()


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


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


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("drawn", [False, True])
def test_a_redirect_is_told_and_not_followed(server: FakeServer, status: int, drawn: bool) -> None:
    with serving() as other:
        there = {"Location": f"{other.url}/chat/completions?token=5"}
        server.behaviour = Behaviour(status=lambda body: (status, {}, there))
        wrong = wrong_of(server, drawn=drawn)
        assert (wrong.reason, wrong.served, other.num_requests) == (NoAnswer.MOVED, False, 0)
        assert f"points to {other.url}/chat/completions, which is not followed" in wrong.detail
    assert NoAnswer.MOVED.stops_run


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_does_not_end_is_not_read_on(server: FakeServer, stream: bool) -> None:
    server.behaviour = Behaviour(answer=lambda body: "word " * 4_000)
    wrong = wrong_of(server, stream=stream, most_bytes=10_000)
    assert (wrong.reason, wrong.served) == (NoAnswer.LONG, True)
    assert wrong.detail == "more than 10,000 bytes (most_bytes)"
    assert not NoAnswer.LONG.retried and not NoAnswer.LONG.stops_run
    assert len(str(run(said(server, stream=stream)).content)) >= 19_999


def test_no_answer_may_be_compressed(server: FakeServer) -> None:
    server.behaviour = Behaviour(status=lambda body: (200, {}, {"Content-Encoding": "gzip"}))
    wrong = wrong_of(server)
    assert (wrong.reason, wrong.detail) == (NoAnswer.MALFORMED, "compressed (gzip) without being asked")
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_date_beyond_all_dates_is_no_time_to_wait(server: FakeServer) -> None:
    server.behaviour = Behaviour({Fault.RETRY_AFTER: 1.0}, retry_after="Mon, 01 Jan 0001 00:00:00 -0000")
    assert wrong_of(server).retry_after in (None, 0.0)
