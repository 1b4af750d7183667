import asyncio
import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel

from irg.core.picture import Picture
from irg.endpoint import (
    ChatRequest,
    EndpointError,
    ImageRequest,
    Message,
    NoAnswer,
    spent,
)
from irg.endpoint.structured import UnfitAnswerError
from tests.endpoint.conftest import (
    Make,
    Verdict,
    ask,
    ask_all,
    failure_of,
    run,
)
from tests.endpoint.fake_server import Behaviour, FakeServer


def test_an_answer_comes_in_its_shape_with_what_it_took(make: Make) -> None:
    reply = run(make(prices={"judge": {"input": 2.0, "output": 10.0}}).complete(ask("a question"), Verdict))
    assert reply.value.better in ("first", "second") and not reply.cached and reply.attempts == 1
    assert reply.served == "judge-0613"
    assert reply.usage.requests == 1 and reply.usage.tokens_in == 100
    assert reply.usage.money == pytest.approx((100 * 2 + reply.usage.tokens_out * 10) / 1e6)


def test_text_comes_without_the_models_reasoning(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(answer=lambda body: "<think>hm, a { brace</think>\n A red circle. ")
    assert run(make().complete(ask("a question"))).value == "A red circle."


def test_a_picture_is_shown_as_its_own_bytes(make: Make, server: FakeServer) -> None:
    picture = Picture.of(Image.new("RGB", (2, 2), "red"))
    request = ChatRequest((Message("user", ("Look: ", picture)),), max_tokens=5)
    run(make().complete(request))
    text, image = server.requests[0].body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Look: "}
    assert image["image_url"]["url"].startswith("data:image/png;base64,")


def test_an_unfit_answer_is_sent_back_once_with_what_is_wrong(make: Make, server: FakeServer) -> None:
    wrong = '{"better": "neither", "why": "they are alike"}'
    right = '{"better": "second", "why": "it has both circles"}'
    server.behaviour = Behaviour(answer=lambda body: right if len(body["messages"]) > 1 else wrong)
    endpoint = make()
    reply = run(endpoint.complete(ask("a question"), Verdict))
    assert reply.value.better == "second" and reply.attempts == 2 and reply.usage.requests == 2
    _, said, back = server.requests[1].body["messages"]
    assert said == {"role": "assistant", "content": wrong}
    assert "better" in back["content"] and "'first' or 'second'" in back["content"]
    assert spent(endpoint.account)[0].events == {"repair": 1}


def test_an_answer_that_stays_unfit_is_a_counted_failure(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(answer=lambda body: "I cannot say.")
    assert failure_of(make()).reason is NoAnswer.INVALID and server.num_requests == 2


def test_a_cut_answer_is_asked_for_again_and_then_named_so(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(answer=lambda body: '{"better": "fir', finish="length")
    assert failure_of(make()).reason is NoAnswer.CUT and server.num_requests == 2
    assert "be shorter" in server.requests[1].body["messages"][-1]["content"]


def read_number(text: str) -> int:
    number = text.rpartition("</think>")[2].strip()
    if not number.isdecimal():
        raise UnfitAnswerError("it is no number")
    return int(number) + len(text)


def test_a_reader_gets_what_the_model_wrote_and_what_it_refuses_is_asked_anew(
    make: Make, server: FakeServer
) -> None:
    answers = iter(["many", "<think>3</think> 4"])
    server.behaviour = Behaviour(answer=lambda body: next(answers), finish="length")
    endpoint = make()
    with pytest.raises(EndpointError) as caught:
        run(endpoint.read(ask("how many?"), read_number))
    assert caught.value.reason is NoAnswer.INVALID
    assert re.fullmatch(r"it is no number; it was cut after \d+ tokens", caught.value.detail)
    first, second = (run(make().read(ask("how many?"), read_number)) for _ in range(2))
    assert (first.value, first.cached, second.value, second.cached) == (22, False, 22, True)
    assert server.num_requests == 2 and len(server.requests[1].body["messages"]) == 1


def test_an_answer_as_it_was_written_is_not_taken_for_one_without_reasoning(
    make: Make, server: FakeServer
) -> None:
    server.behaviour = Behaviour(answer=lambda body: "<think>3</think> 4")
    assert run(make().read(ask("how many?"), str)).value == "<think>3</think> 4"
    assert run(make().complete(ask("how many?"))).value == "4"
    assert server.num_requests == 2


def test_words_go_in_parts_where_they_are_to(make: Make, server: FakeServer) -> None:
    for in_parts in (True, False):
        request = ChatRequest((Message("system", ("Judge.",), in_parts),), max_tokens=5)
        run(make().complete(request))
    contents = [seen.body["messages"][0]["content"] for seen in server.requests]
    assert contents == [[{"type": "text", "text": "Judge."}], "Judge."]


@pytest.mark.parametrize(("structured", "sent"), [("json_object", {"type": "json_object"}), ("plain", None)])
def test_a_server_without_schemas_is_asked_in_words(
    make: Make, server: FakeServer, structured: str, sent: Any
) -> None:
    server.behaviour = Behaviour(answer=lambda body: 'Here:\n```json\n{"better": "first", "why": "-"}\n```')
    reply = run(make(structured=structured).complete(ask("a question"), Verdict))
    body = server.requests[0].body
    assert reply.value.better == "first" and body.get("response_format") == sent
    assert body["messages"][0]["role"] == "system" and '"better"' in body["messages"][0]["content"]


def test_no_more_are_under_way_than_allowed(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(delay=0.02)
    run(ask_all(make(in_flight=3), 12))
    assert server.most_at_once == 3


def test_a_known_answer_is_never_asked_for_again(make: Make, server: FakeServer) -> None:
    first = run(ask_all(make(), 5))
    again = run(ask_all(make(base_url=server.url + "/"), 5))
    assert server.num_requests == 5
    assert [reply.value for reply in again] == [reply.value for reply in first]
    assert all(reply.cached and reply.attempts == 0 for reply in again)
    assert [reply.usage for reply in again] == [reply.usage for reply in first]


def test_the_same_question_twice_at_once_is_asked_once(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(delay=0.05)
    endpoint = make()

    async def both() -> list[Any]:
        return await asyncio.gather(*(endpoint.complete(ask("a question"), Verdict) for _ in range(8)))

    replies = run(both())
    assert server.num_requests == 1 and len({reply.value.why for reply in replies}) == 1
    assert sorted(reply.cached for reply in replies) == [False] + 7 * [True]


def test_one_that_gives_up_does_not_take_the_answer_from_another(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(delay=0.2)
    endpoint = make()

    async def one_leaves() -> Any:
        leaving = asyncio.create_task(endpoint.complete(ask("a question"), Verdict))
        staying = asyncio.create_task(endpoint.complete(ask("a question"), Verdict))
        await asyncio.sleep(0.1)
        leaving.cancel()
        return await staying

    assert isinstance(run(one_leaves()).value, Verdict) and server.num_requests == 1


class Terse(BaseModel):
    word: str


def test_whatever_decides_an_answer_is_in_its_key(make: Make, server: FakeServer) -> None:
    message = (Message("user", ("a question",)),)
    pictures = [Picture.of(Image.new("RGB", (2, 2), colour)) for colour in ("red", "blue")]
    shown = [(Message("user", ("a question", picture)),) for picture in pictures]
    requests = [
        ChatRequest(message, max_tokens=50),
        ChatRequest(message, max_tokens=51),
        ChatRequest(message, max_tokens=50, temperature=0.5),
        ChatRequest(message, max_tokens=50, top_p=0.5),
        ChatRequest(message, max_tokens=50, seed=1),
        ChatRequest(message, max_tokens=50, template="judge@2"),
        ChatRequest((Message("system", ("a question",)),), max_tokens=50),
        *(ChatRequest(messages, max_tokens=50) for messages in shown),
    ]

    async def all_of_them() -> None:
        for request in requests:
            await make().complete(request, Verdict)
        await make().complete(requests[0], Terse)
        await make().complete(requests[0])
        await make(model="another").complete(requests[0], Verdict)
        await make(extra={"top_k": 3}).complete(requests[0], Verdict)

    for _ in range(2):
        run(all_of_them())
        assert server.num_requests == len(requests) + 4
    bodies = [seen.body for seen in server.requests]
    assert bodies[2]["temperature"] == 0.5 and bodies[3]["top_p"] == 0.5 and bodies[4]["seed"] == 1
    assert bodies[-1]["top_k"] == 3 and bodies[0].keys() == {
        *("model", "messages", "max_tokens", "response_format")
    }


def test_what_a_server_does_not_take_is_not_sent(make: Make, server: FakeServer) -> None:
    endpoint = make(send_seed=False, limit_name="max_completion_tokens")
    run(endpoint.complete(ChatRequest(ask("a question").messages, max_tokens=50, seed=2**40)))
    body = server.requests[0].body
    assert "seed" not in body and "max_tokens" not in body and body["max_completion_tokens"] == 50


def test_usage_that_a_server_does_not_tell_is_the_most_it_may_be(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(usage=False)
    reply = run(make().complete(ask("a question", max_tokens=50)))
    assert reply.usage.tokens_out == 50 and reply.usage.tokens_in >= len("a question")


def test_a_picture_is_drawn_once(make: Make, server: FakeServer) -> None:
    endpoint = make(prices={"judge": {"image": 0.04}}, extra={"quality": "high"})
    request = ImageRequest("a red circle", (64, 32), seed=7)
    first, again = run(endpoint.draw(request)), run(endpoint.draw(request))
    assert Image.open(io.BytesIO(first.value)).size == (32, 32) and first.usage.money == pytest.approx(0.04)
    assert again.value == first.value and again.cached and server.num_requests == 1
    seen = server.requests[0]
    assert seen.path == "/v1/images/generations"
    assert {
        "prompt": "a red circle",
        "size": "64x32",
        "seed": 7,
        "quality": "high",
    }.items() <= seen.body.items()
    assert spent(endpoint.account)[0].images == 1


def test_a_picture_is_changed(make: Make, server: FakeServer) -> None:
    sources = [Picture.of(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue")]
    endpoint = make(send_seed=False, ask_base64=True)
    drawn = {run(endpoint.draw(ImageRequest("more of it", (64, 64), source))).value for source in sources}
    assert len(drawn) == 2
    seen = server.requests[0]
    assert seen.path == "/v1/images/edits" and b"more of it" in seen.body["form"]
    assert sources[0].data in seen.body["form"] and b"b64_json" in seen.body["form"]


@pytest.mark.parametrize(
    ("drawn", "reason"),
    [
        ({"b64_json": "AAAA"}, NoAnswer.MALFORMED),
        ({"b64_json": "?"}, NoAnswer.MALFORMED),
        ({"url": "u"}, NoAnswer.BAD_REQUEST),
    ],
)
def test_what_is_no_picture_is_not_taken_for_one(
    make: Make, server: FakeServer, drawn: dict[str, str], reason: NoAnswer
) -> None:
    server.behaviour = Behaviour(status=lambda _: (200, {"created": 0, "data": [drawn]}))
    with pytest.raises(EndpointError) as caught:
        run(make(attempts=2).draw(ImageRequest("a red circle", (64, 64))))
    assert caught.value.reason is reason


def test_an_endpoint_can_be_sent_to_another_process(make: Make, server: FakeServer) -> None:
    endpoint = make()
    run(endpoint.complete(ask("a question")))
    sent = pickle.loads(pickle.dumps(endpoint))
    assert run(sent.complete(ask("a question"))).cached
    error = pickle.loads(pickle.dumps(EndpointError(NoAnswer.CUT, "too long")))
    assert (error.reason, error.detail) == (NoAnswer.CUT, "too long")


def test_what_was_opened_is_closed_again(make: Make, server: FakeServer, tmp_path: Path) -> None:
    endpoint = make()

    async def in_two_steps() -> set[Path]:
        async with endpoint.open():
            await endpoint.complete(ask("a question"))
            return set(tmp_path.rglob("*-wal"))

    assert run(in_two_steps()) and not set(tmp_path.rglob("*-wal"))  # gone with the last connection
    assert run(endpoint.complete(ask("a question"))).cached  # from another event loop


def test_a_known_answer_needs_no_key(make: Make, server: FakeServer) -> None:
    run(make().complete(ask("a question")))
    keyless = make(key_env="A_KEY_THAT_IS_NOT_SET")
    assert run(keyless.complete(ask("a question"))).cached
    with pytest.raises(ValueError, match="A_KEY_THAT_IS_NOT_SET"):
        run(keyless.complete(ask("another question")))
    assert spent(keyless.account)[0].requests == 1 == server.num_requests
    with pytest.raises(ValueError, match="A_KEY_THAT_IS_NOT_SET"):
        keyless.check()


def test_answers_that_no_longer_fit_are_asked_for_again(make: Make, server: FakeServer) -> None:
    server.behaviour = Behaviour(answer=lambda body: json.dumps({"word": "long"}))
    run(make().complete(ask("a question"), Terse))

    class Strict(BaseModel):
        word: str

        def model_post_init(self, context: Any) -> None:
            if len(self.word) > 3:
                raise ValueError("three letters at most")

    Strict.__name__ = Strict.__qualname__ = "Terse"
    server.behaviour = Behaviour(answer=lambda body: json.dumps({"word": "new"}))
    assert Strict.model_json_schema() == Terse.model_json_schema()
    assert run(make().complete(ask("a question"), Strict)).value.word == "new"
    assert server.num_requests == 2
