"""What servers say in their several ways: errors within a success, reasoning, filters, and rubbish."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from irg.endpoint import EndpointError, ImageRequest, NoAnswer, Reply, spent
from irg.endpoint.answers import reason_of, words_of
from tests.endpoint.conftest import Make, Verdict, ask, failure_of, run
from tests.endpoint.fake_server import Behaviour, FakeServer

RIGHT = '{"better": "first", "why": "it is red"}'
DEEP = 100_000


def whole(message: dict[str, Any], finish: str = "stop", **choice: Any) -> bytes:
    """A completion of one message."""
    choices = [{"index": 0, "finish_reason": finish, "message": {"role": "assistant"} | message} | choice]
    return json.dumps({"model": "m", "choices": choices, "usage": USAGE}).encode()


def streamed(message: dict[str, Any], finish: str = "stop", **choice: Any) -> bytes:
    """The same in two events."""
    last = {"index": 0, "delta": {}, "finish_reason": finish} | choice
    events = [{"model": "m", "choices": [one]} for one in ({"index": 0, "delta": message}, last)]
    return "".join(f"data: {event}\n\n" for event in (*map(json.dumps, events), "[DONE]")).encode()


USAGE = {"prompt_tokens": 7, "completion_tokens": 50}
WAYS = pytest.mark.parametrize(("stream", "said"), [(False, whole), (True, streamed)])


@WAYS
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_an_answer_may_stand_where_reasoning_goes(
    make: Make, server: FakeServer, stream: bool, said: Any, name: str
) -> None:
    body = said({"content": None, name: f"Both are round, {{so}} it is {RIGHT}"})
    server.behaviour = Behaviour(raw=lambda _: body)
    reply = run(make(stream=stream).complete(ask("a question"), Verdict))
    assert reply.value.better == "first" and server.num_requests == 1


@WAYS
def test_words_of_an_answer_in_parts_are_read_without_its_thoughts(
    make: Make, server: FakeServer, stream: bool, said: Any
) -> None:
    parts = [{"type": "thinking", "thinking": [{"text": "{hm}"}]}, {"type": "text", "text": RIGHT}]
    server.behaviour = Behaviour(raw=lambda _: said({"content": parts}))
    assert run(make(stream=stream).complete(ask("a question"), Verdict)).value.better == "first"


@WAYS
@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": f"Perhaps {RIGHT}"},
        {"content": ""},
        {"content": f"<think>Perhaps {RIGHT}"},
    ],
)
def test_an_answer_that_was_cut_before_it_began_is_asked_for_once(
    make: Make, server: FakeServer, stream: bool, said: Any, message: dict[str, Any]
) -> None:
    server.behaviour = Behaviour(raw=lambda _: said(message, "length"))
    endpoint = make(stream=stream)
    failure = failure_of(endpoint)
    assert failure.reason is NoAnswer.CUT and "all of its 50 tokens" in failure.detail
    assert server.num_requests == 1 and spent(endpoint.account)[0].requests == 1


ERRORS: list[tuple[Any, NoAnswer]] = [
    ({"error": {"message": "so it is", "code": 402}}, NoAnswer.QUOTA),
    ({"error": {"message": "so it is", "code": "insufficient_quota"}}, NoAnswer.QUOTA),
    ([{"error": {"message": "so it is", "code": 400, "status": "INVALID_ARGUMENT"}}], NoAnswer.BAD_REQUEST),
    (
        {"object": "error", "message": "so it is", "type": "BadRequestError", "code": 400},
        NoAnswer.BAD_REQUEST,
    ),
    ({"error": {"message": "so it is", "code": 401}}, NoAnswer.UNAUTHORIZED),
    ({"error": "so it is"}, NoAnswer.SERVER),
    ({"choices": [{"error": {"message": "so it is", "code": 502}, "message": None}]}, NoAnswer.SERVER),
]


@pytest.mark.parametrize(("body", "reason"), ERRORS)
def test_an_error_that_is_called_a_success_is_one(
    make: Make, server: FakeServer, body: Any, reason: NoAnswer
) -> None:
    server.behaviour = Behaviour(raw=lambda _: json.dumps(body).encode())
    failure = failure_of(make(attempts=2))
    assert failure.reason is reason and "so it is" in failure.detail
    assert server.num_requests == (2 if reason.retried else 1)


def test_an_error_in_a_stream_is_one(make: Make, server: FakeServer) -> None:
    event = {"error": {"message": "so it is", "code": "insufficient_quota"}}
    server.behaviour = Behaviour(raw=lambda _: b"data: " + json.dumps(event).encode() + b"\n\n")
    failure = failure_of(make(stream=True))
    assert (failure.reason, failure.detail) == (NoAnswer.QUOTA, "so it is")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, [{"error": {"code": "insufficient_quota", "message": "so it is"}}], NoAnswer.QUOTA),
        (400, [{"error": {"code": 400, "message": "so it is"}}], NoAnswer.BAD_REQUEST),
        (422, {"detail": "so it is"}, NoAnswer.BAD_REQUEST),
        (403, {"error": {"message": "so it is"}}, NoAnswer.BAD_REQUEST),
        (
            400,
            {"error": {"code": "content_filter", "message": "so it is", "param": "prompt"}},
            NoAnswer.REFUSED,
        ),
        (
            400,
            {"error": {"message": "so it is", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            NoAnswer.REFUSED,
        ),
    ],
)
def test_an_error_is_read_in_whatever_it_is_wrapped(
    make: Make, server: FakeServer, status: int, body: Any, reason: NoAnswer
) -> None:
    server.behaviour = Behaviour(status=lambda _: (status, body))
    failure = failure_of(make())
    assert (failure.reason, failure.detail) == (reason, f"HTTP {status}: so it is")
    assert server.num_requests == 1


@WAYS
@pytest.mark.parametrize(
    "choice", [{"finish": "content_filter"}, {"content_filter_results": {"hate": {"filtered": True}}}]
)
def test_what_a_filter_took_out_is_a_refusal(
    make: Make, server: FakeServer, stream: bool, said: Any, choice: dict[str, Any]
) -> None:
    server.behaviour = Behaviour(raw=lambda _: said({"content": None}, **choice))
    assert failure_of(make(stream=stream)).reason is NoAnswer.REFUSED and server.num_requests == 1


def test_what_a_filter_let_pass_is_an_answer(make: Make, server: FakeServer) -> None:
    passed = {"hate": {"filtered": False, "severity": "safe"}}
    server.behaviour = Behaviour(raw=lambda _: whole({"content": RIGHT}, content_filter_results=passed))
    assert isinstance(run(make().complete(ask("a question"), Verdict)), Reply)


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":' * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"choices": [{"message": {"content": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}}]}",
        b'{"usage": {"prompt_tokens": ' + b"9" * 5_000 + b"}}",
        whole({"content": '{"better": "first", "why": "\ud800"}'}),
        b"\xff\xfe",
    ],
    ids=["open", "lists", "content", "digits", "surrogate", "bytes"],
)
def test_rubbish_is_a_malformed_answer(make: Make, server: FakeServer, body: bytes) -> None:
    server.behaviour = Behaviour(raw=lambda _: body)
    endpoint = make(attempts=2)
    assert failure_of(endpoint).reason is NoAnswer.MALFORMED
    assert spent(endpoint.account)[0].events == {NoAnswer.MALFORMED: 2}


@pytest.mark.parametrize(
    "text", ['{"better":' * DEEP, '{"better": "first", "why": "\\ud800"}', "{" * DEEP + "}" * DEEP]
)
def test_rubbish_in_an_answer_does_not_fit(make: Make, server: FakeServer, text: str) -> None:
    server.behaviour = Behaviour(raw=lambda _: whole({"content": text}))
    assert failure_of(make()).reason is NoAnswer.INVALID and server.num_requests == 2


@pytest.mark.parametrize("count", [10**30, -1, True, 1.5, "7"])
def test_a_count_that_is_none_is_taken_for_the_most(make: Make, server: FakeServer, count: Any) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": RIGHT}}
    body = {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": count}}
    server.behaviour = Behaviour(raw=lambda _: json.dumps(body).encode())
    reply = run(make(prices={"judge": {"output": 10.0}}).complete(ask("a question"), Verdict))
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (7, 50)


def test_a_servers_words_can_be_kept_whatever_they_hold(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(status=lambda _: (400, {"error": {"message": "no \ud800!"}}))
    assert failure_of(make()).detail == "HTTP 400: no ?!"
    content = json.loads(whole({"content": RIGHT})) | {"model": "m\ud800" + 500 * "x"}
    server.behaviour = Behaviour(raw=lambda _: json.dumps(content).encode())
    served = run(make().complete(ask("another"), Verdict)).served
    assert served.startswith("m?x") and len(served) == 200
    assert run(make().complete(ask("another"), Verdict)).cached


def test_a_picture_bomb_is_a_malformed_answer(make: Make, server: FakeServer) -> None:
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, format="PNG")
    drawn = {"data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]}
    server.behaviour = Behaviour(raw=lambda _: json.dumps(drawn).encode())
    with pytest.raises(EndpointError, match="too large") as caught:
        run(make(attempts=1).draw(ImageRequest("a red circle", (64, 64))))
    assert caught.value.reason is NoAnswer.MALFORMED


def test_an_error_has_words_and_a_reason_whatever_it_is() -> None:
    deep: Any = "no"
    for _ in range(DEEP):
        deep = {"message": deep}
    assert words_of(deep) == "an error of very many levels" and reason_of(deep) is NoAnswer.SERVER
    assert words_of({"code": 5}) == '{"code": 5}' and reason_of(None, 418) is NoAnswer.BAD_REQUEST
