from typing import Any

import pytest

from irg.core.settings import checked
from irg.serve.fields import ChatBody, EditBody, GenerationBody, ResponsesBody, unheeded

REQUESTS = [ResponsesBody, ChatBody, GenerationBody, EditBody]


@pytest.mark.parametrize("model", REQUESTS)
def test_a_field_that_nobody_reads_is_refused_by_name(model: Any) -> None:
    with pytest.raises(ValueError, match=r"nonsense: there is no such setting"):
        checked(model, {"prompt": "a", "messages": [], "nonsense": 1}, "the request")
    with pytest.raises(ValueError, match=r"did you mean thinking\?"):
        checked(model, {"thinkin": True}, "the request")


def test_fields_without_effect_are_those_that_say_so() -> None:
    assert {"user", "metadata", "truncation"} <= {*unheeded(ResponsesBody)}
    assert not {"turns", "seed", "input", "store"} & {*unheeded(ResponsesBody)}


@pytest.mark.parametrize("size", ["128", "0x128", "128x", "128X128", "-1x5", "x".join(["1" * 9] * 2), 5])
def test_a_size_is_two_numbers_or_auto(size: Any) -> None:
    with pytest.raises(ValueError, match="size"):
        checked(ChatBody, {"messages": [{"role": "user", "content": "a"}], "size": size}, "the request")


@pytest.mark.parametrize(
    "said, fault",
    [
        ([{"type": "video"}], "expected an item whose type is one of message, reasoning"),
        (
            [{"role": "user", "content": [{"type": "input_file"}]}],
            "expected a part whose type is one of text",
        ),
        ([{"role": "king", "content": "a"}], "role"),
        ([5], "expected an item"),
        (5, "input"),
    ],
)
def test_input_is_a_text_or_items_that_are_known(said: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        checked(ResponsesBody, {"input": said}, "the request")


def test_input_takes_what_answers_hold() -> None:
    items = [
        {"role": "user", "content": "a star"},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "a"}],
        },
        {
            "type": "image_generation_call",
            "id": "ig_1",
            "status": "completed",
            "result": "aaaa",
            "action": "edit",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a", "annotations": []}],
        },
        {"type": "item_reference", "id": "ig_1"},
    ]
    body = checked(ResponsesBody, {"input": items}, "the request")
    assert isinstance(body.input, list) and [type(one).__name__ for one in body.input] == [
        "MessageItem",
        "ReasoningItem",
        "PictureItem",
        "MessageItem",
        "ReferenceItem",
    ]
