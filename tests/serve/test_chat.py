"""POST /v1/chat/completions, by the official client, at a server of the small model."""

from typing import Any

import numpy as np
import pytest

from irg.core.picture import Picture
from irg.core.reading import from_base64
from irg.core.trace import png
from irg.pipeline.load import NamedCheckpoint
from irg.serve.asked import Contents, Manner
from irg.serve.asking import Asker
from irg.serve.chat import ChatWriter
from irg.serve.fields import ChatBody, DrawingFields, TextFields
from irg.serve.protocol import Ended, PictureDone
from tests.pipeline.watching import photo

openai = pytest.importorskip("openai", reason="openai is not installed: pip install irg[curate]")

PROMPT = "two red circles left of a blue square"


@pytest.fixture
def client(small_server: str) -> Any:
    return openai.OpenAI(base_url=f"{small_server}/v1", api_key="none", max_retries=0)


def ask(client: Any, said: Any = PROMPT, stream: bool = False, **fields: Any) -> Any:
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return client.chat.completions.create(model="small", messages=messages, extra_body=fields, **options)


def opened(image: Any) -> np.ndarray:
    head, data = image["image_url"]["url"].split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Picture(from_base64(data, "it")).open(), np.int16)


def test_a_message_holds_thoughts_pictures_and_their_places(client: Any) -> None:
    answer = ask(client, turns=2)
    (choice,) = answer.choices
    message = choice.message
    assert message.content == "<image><image>" and choice.finish_reason == "stop"
    assert [image["index"] for image in message.images] == [0, 1]
    assert opened(message.images[0]).shape == (32, 32, 3)
    texts = [one["text"] for one in message.segments if one["kind"] == "text"]
    assert [one["kind"] for one in message.segments] == ["text", "image"] * 2
    assert message.reasoning_content == "\n\n".join(texts)
    assert answer.usage.completion_tokens > 8


def test_a_stream_has_the_pieces_in_their_order(client: Any) -> None:
    chunks, whole = list(ask(client, turns=2, stream=True)), ask(client, turns=2).choices[0].message
    *said, last = chunks
    assert last.choices == [] and last.usage.total_tokens > 0
    order, images = "", []
    for chunk in said:
        delta = chunk.choices[0].delta
        extra = delta.model_extra
        order += "t" if extra.get("reasoning_content") else "p" if delta.content == "<image>" else ""
        order += "I" if extra.get("images") else ""
        images += extra.get("images", [])
    assert "".join(sorted({*order})) == "Ipt" and order.replace("t", "") == "pIpI" and order[0] == "t"
    assert said[-1].choices[0].finish_reason == "stop"
    assert all(np.abs(opened(a) - opened(b)).max() <= 1 for a, b in zip(images, whole.images, strict=True))


@pytest.mark.parametrize("form", ["ours", "parts"])
def test_what_an_answer_held_can_be_sent_back(client: Any, form: str) -> None:
    """Our own form, and that of servers that answer with parts."""
    drawn = ask(client, turns=1).choices[0].message
    images = [{"type": "image_url", "image_url": drawn.images[0]["image_url"]}]
    ours = {"role": "assistant", "content": drawn.content, "images": images}
    sent = ours if form == "ours" else {"role": "assistant", "content": images}
    asked = [{"role": "user", "content": "a star"}, sent, {"role": "user", "content": "make it red"}]
    edited, anew = ask(client, asked).choices[0].message, ask(client, "make it red").choices[0].message
    assert not np.array_equal(opened(edited.images[-1]), opened(anew.images[-1]))


def test_words_alone_are_answered_where_no_picture_is_wanted(client: Any) -> None:
    drawn = ask(client, turns=1).choices[0].message
    shown = [{"type": "image_url", "image_url": drawn.images[0]["image_url"]}]
    asked = [{"role": "user", "content": [{"type": "text", "text": "how many circles are there?"}, *shown]}]
    answer = ask(client, asked, modalities=["text"])
    message = answer.choices[0].message
    assert message.content and "images" not in message.model_extra
    said = ask(client, asked, modalities=["text"], stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in said if chunk.choices]
    assert "".join(pieces) == message.content
    capped = ask(client, asked, modalities=["text"], max_tokens=1)
    assert capped.choices[0].finish_reason == "length" and capped.usage.completion_tokens == 1


@pytest.mark.parametrize(
    "said, fields, param",
    [
        ([{"role": "assistant", "content": "a"}], {}, "messages"),
        (PROMPT, {"nonsense": 1}, "nonsense"),
        (PROMPT, {"modalities": ["audio"]}, "modalities.0"),
        (PROMPT, {"tools": [{"type": "function"}]}, "tools"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], {}, None),
    ],
)
def test_what_cannot_be_done_is_told(
    client: Any, said: Any, fields: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, said, **fields)
    assert param is None or refused.value.param == param


def test_a_system_message_stands_for_the_system_prompt(client: Any) -> None:
    said = [{"role": "user", "content": PROMPT}]
    told = ask(client, [{"role": "system", "content": "a large star"}, *said], turns=1).choices[0].message
    usual = ask(client, said, turns=1).choices[0].message
    assert not np.array_equal(opened(told.images[0]), opened(usual.images[0]))


def test_a_plan_is_named_and_its_answer_is_content(client: Any) -> None:
    by_plan = ask(client, plan="irg", steps=2, turns=2, max_tokens=6)
    message = by_plan.choices[0].message
    assert message.content == "<image><image>" and len(message.images) == 2
    answer = ask(client, "why?", plan="bagel-understand", max_tokens=6).choices[0]
    assert answer.message.content and answer.finish_reason == "length"
    assert not hasattr(answer.message, "images")


def test_a_kept_picture_says_so_and_an_answer_goes_after_the_pictures(
    small_checkpoint: NamedCheckpoint,
) -> None:
    asked = Asker(small_checkpoint).episode(Contents((PROMPT,)), Manner(DrawingFields(), TextFields()), "me")
    body = ChatBody.model_validate({"messages": [{"role": "user", "content": PROMPT}]})
    writer, data = ChatWriter(body, "small", asked), png(photo(16, 16))
    told = [*writer.take(PictureDone(1, data, 4)), *writer.take(PictureDone(2, data, 0, kept=True))]
    told += [*writer.take(Ended(9, answer="4"))]
    assert [image.get("kept") for image in writer.images] == [None, True]
    assert writer.whole()["choices"][0]["message"]["content"] == "<image><image>4"
    assert b'"delta":{"content":"4"}' in b"".join(told)
