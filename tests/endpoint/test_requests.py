"""Requests: what their answers are kept under, and their words and pictures as a server takes them."""

import base64
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from PIL import Image
from pydantic import BaseModel

from irg.core.picture import Picture
from irg.endpoint import ChatRequest, EndpointSettings, ImageRequest, Message
from irg.endpoint.requests import chat_key, image_key, wire_messages, wire_seed

SETTINGS = EndpointSettings(base_url="http://host/v1", model="judge")
RED, BLUE = (Picture.of(Image.new("RGB", (2, 2), colour)) for colour in ("red", "blue"))
CHAT = ChatRequest((Message("user", ("a question",)),), max_tokens=50)
DRAW = ImageRequest("a red circle", (64, 32))


class Terse(BaseModel):
    word: str


class Wordy(BaseModel):
    words: str


def settings(**changed: Any) -> EndpointSettings:
    return SETTINGS.model_copy(update=changed)


def test_keys_stay_what_they_are() -> None:
    """Pinned: answers that were paid for are found again."""
    assert chat_key(SETTINGS, CHAT, None) == "e88cd02dcecaef08ea1873707ba1d9c0"
    assert chat_key(SETTINGS, replace(CHAT, seed=3), Terse) == "5f0fd5e58977f8e5bfa738fb87fc4450"
    assert image_key(SETTINGS, DRAW) == "4ed6e32639a95b48491f06af3f656825"


def test_what_decides_an_answer_is_in_its_key() -> None:
    chats = [
        CHAT,
        replace(CHAT, messages=(Message("system", ("a question",)),)),
        replace(CHAT, messages=(Message("user", ("a ", "question")),)),
        replace(CHAT, messages=(*CHAT.messages, Message("assistant", ("an answer",)))),
        *(replace(CHAT, messages=(Message("user", ("a question", one)),)) for one in (RED, BLUE)),
        replace(CHAT, messages=(Message("user", (RED, "a question")),)),
        replace(CHAT, max_tokens=51),
        replace(CHAT, template="judge@2"),
        replace(CHAT, temperature=0.5),
        replace(CHAT, top_p=0.5),
        replace(CHAT, seed=1),
    ]
    draws = [
        DRAW,
        replace(DRAW, prompt="a blue circle"),
        replace(DRAW, size=(32, 64)),
        replace(DRAW, source=RED),
        replace(DRAW, source=BLUE),
        replace(DRAW, template="draw@2"),
        replace(DRAW, seed=1),
    ]
    others = [settings(model="teacher"), settings(extra={"top_k": 3})]
    keys = [
        *(chat_key(SETTINGS, request, None) for request in chats),
        *(chat_key(SETTINGS, CHAT, schema) for schema in (Terse, Wordy)),
        *(chat_key(other, CHAT, None) for other in others),
        *(image_key(SETTINGS, request) for request in draws),
        *(image_key(other, DRAW) for other in others),
    ]
    assert all(one != other for one, other in combinations(keys, 2))


def test_how_one_asks_is_not_in_the_key() -> None:
    elsewhere = settings(base_url="http://other/v1", stream=True, timeout=1.0, send_seed=False)
    assert chat_key(elsewhere, CHAT, Terse) == chat_key(SETTINGS, CHAT, Terse)
    assert image_key(elsewhere, DRAW) == image_key(SETTINGS, DRAW)


def test_seeds_are_such_as_every_server_takes() -> None:
    assert wire_seed(None) is None
    assert [wire_seed(seed) for seed in (0, 2**31 - 1, 2**31, 2**60 + 5)] == [0, 2**31 - 1, 0, 5]
    assert chat_key(SETTINGS, replace(CHAT, seed=5), None) == chat_key(
        SETTINGS, replace(CHAT, seed=2**60 + 5), None
    )


def test_messages_are_plain_where_they_are_nothing_but_text() -> None:
    sent = wire_messages((Message("system", ("Be ", "brief.")), Message("user", ("Look: ", RED, "?"))))
    system, user = sent
    assert system == {"role": "system", "content": "Be brief."}
    assert user["role"] == "user"
    look, shown, question = user["content"]
    assert (look, question) == ({"type": "text", "text": "Look: "}, {"type": "text", "text": "?"})
    kind, _, data = shown["image_url"]["url"].partition(",")
    assert (shown["type"], kind, base64.b64decode(data)) == ("image_url", "data:image/png;base64", RED.data)


@pytest.mark.parametrize(
    ("begin", "kind"), [(b"\xff\xd8\xff\xe0", "jpeg"), (b"RIFF0000WEBP", "webp"), (b"GIF89a", "gif")]
)
def test_a_picture_is_sent_as_the_file_that_it_is(begin: bytes, kind: str) -> None:
    ((sent,),) = [message["content"] for message in wire_messages((Message("user", (Picture(begin),)),))]
    assert sent["image_url"]["url"] == f"data:image/{kind};base64,{base64.b64encode(begin).decode()}"


@pytest.mark.parametrize("begin", [b"BM00", b"%PDF"])
def test_what_no_server_takes_is_not_sent(begin: bytes) -> None:
    with pytest.raises(ValueError, match=rf"begins with b'{begin.decode()}', expected PNG, JPEG, WebP or"):
        wire_messages((Message("user", (Picture(begin),)),))
