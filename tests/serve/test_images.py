"""Generated and edited pictures, by the official client, at a server of the small model."""

import asyncio
import io
from typing import Any

import numpy as np
import pytest
from starlette.datastructures import FormData, UploadFile

from irg.core.events import ImageDone
from irg.core.picture import Picture
from irg.core.reading import from_base64
from irg.core.trace import png
from irg.pipeline.load import NamedCheckpoint
from irg.serve import images
from irg.serve.asking import Asker
from irg.serve.fields import EditBody
from irg.serve.images import read_form
from irg.serve.plans import NamedPlans
from irg.serve.refusals import Refused
from tests.pipeline.watching import photo

openai = pytest.importorskip("openai", reason="openai is not installed: pip install irg[curate]")

PROMPT = "two red circles left of a blue square"


@pytest.fixture
def client(small_server: str) -> Any:
    return openai.OpenAI(base_url=f"{small_server}/v1", api_key="none", max_retries=0)


def generate(client: Any, extra: dict[str, Any] | None = None, **fields: Any) -> Any:
    return client.images.generate(model="small", prompt=PROMPT, extra_body=extra, **fields)


def data(image: Any) -> bytes:
    return from_base64(image.b64_json, "it")


def opened(image: Any) -> np.ndarray:
    return np.asarray(Picture(data(image)).open(), np.int16)


def test_the_last_picture_is_the_answer(client: Any, small_checkpoint: NamedCheckpoint) -> None:
    answer = generate(client, {"seed": 5, "deterministic": True})
    plan = small_checkpoint.settings.plan()
    drawn = [
        event.image
        for event in small_checkpoint.load().generate(PROMPT, plan, 5)
        if isinstance(event, ImageDone)
    ]
    (image,) = answer.data
    assert np.array_equal(opened(image), np.asarray(drawn[-1])) and image.revised_prompt
    assert answer.usage.output_tokens_details.image_tokens == 8 and answer.size == "32x32"


def test_several_have_seeds_that_count_up(client: Any) -> None:
    three = generate(client, {"seed": 5}, n=3)
    last = generate(client, {"seed": 7})
    assert len(three.data) == 3 and np.abs(opened(three.data[2]) - opened(last.data[0])).max() <= 1
    assert three.usage.output_tokens > 2 * last.usage.output_tokens
    assert not np.array_equal(opened(three.data[0]), opened(three.data[1]))


@pytest.mark.parametrize("num, turns, steps", [(0, 2, 4), (1, 2, 4), (3, 2, 4), (2, 1, 4)])
def test_a_stream_shows_earlier_pictures_and_previews(client: Any, num: int, turns: int, steps: int) -> None:
    extra = {"turns": turns, "steps": steps}
    *shown, done = generate(client, extra, stream=True, partial_images=num)
    assert [event.partial_image_index for event in shown] == list(range(num))
    assert {event.type for event in shown} <= {"image_generation.partial_image"}
    assert done.type == "image_generation.completed" and done.usage.total_tokens > 0
    whole = generate(client, extra).data[0]
    assert np.abs(opened(done) - opened(whole)).max() <= 1
    if num and turns > 1:
        first = generate(client, {"turns": 1, "steps": steps}).data[0]
        assert np.abs(opened(shown[0]) - opened(first)).max() <= 1, "the first picture is the first preview"


@pytest.mark.parametrize("name, kind", [("jpeg", "jpeg"), ("webp", "webp"), ("png", "png")])
def test_pictures_come_in_the_format_that_was_asked_for(client: Any, name: str, kind: str) -> None:
    answer = generate(client, {"turns": 1}, output_format=name, response_format="b64_json", size="64x32")
    assert Picture(data(answer.data[0])).kind == kind and answer.output_format == name
    assert opened(answer.data[0]).shape == (32, 64, 3)


def test_a_picture_is_edited(client: Any) -> None:
    drawn = data(generate(client, {"turns": 1}).data[0])
    fields = {"model": "small", "prompt": "make the square red"}
    extra = {"seed": 3, "guidance": {"text_scale": 2.0}, "deterministic": True}
    one = client.images.edit(image=("a.png", drawn), extra_body=extra, **fields)
    again = client.images.edit(image=[drawn], extra_body=extra, **fields)
    assert data(one.data[0]) == data(again.data[0])
    other = client.images.edit(image=drawn, extra_body=extra | {"guidance": {"text_scale": 4.0}}, **fields)
    assert data(other.data[0]) != data(one.data[0]), "guidance is read from the form"
    *_, done = client.images.edit(image=drawn, stream=True, extra_body=extra, **fields)
    assert done.type == "image_edit.completed" and data(done) == data(one.data[0])
    two = client.images.edit(image=[drawn, drawn], extra_body=extra, **fields)
    assert data(two.data[0]) != data(one.data[0])


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"image": b"no picture"}, "image"),
        ({"image": b"", "prompt": "a"}, "image"),
        ({"image": None, "extra_body": {"nonsense": 1}}, "nonsense"),
        ({"image": None, "mask": b"mask"}, "mask"),
        ({"image": None, "n": 11}, "n"),
        ({"image": None, "extra_body": {"guidance": "{"}}, "guidance"),
        ({"image": None, "extra_body": {"guidance": "[" * 100_000}}, "guidance"),
    ],
)
def test_an_edit_that_cannot_be_is_told(client: Any, fields: dict[str, Any], param: str) -> None:
    good = data(generate(client, {"turns": 1, "steps": 1}).data[0])
    fields = {
        "prompt": "make it red",
        **fields,
        "image": good if fields["image"] is None else fields["image"],
    }
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.edit(model="small", **fields)
    assert refused.value.param == param


def test_a_field_that_a_form_has_twice_is_refused() -> None:
    form = FormData([("image", UploadFile(io.BytesIO(b"x"))), ("prompt", "a"), ("prompt", "b")])
    with pytest.raises(Refused, match="prompt: it is in the form twice"):
        asyncio.run(read_form(form))


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"size": "1024x1024"}, "size"),
        ({"response_format": "url"}, "response_format"),
        ({"background": "transparent"}, "background"),
        ({"n": 2, "stream": True}, "n"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_told(client: Any, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        generate(client, **fields)
    assert refused.value.param == param


def test_a_plan_is_named(client: Any) -> None:
    drawn = generate(client, {"plan": "bagel-t2i", "steps": 2}, size="32x32")
    assert opened(drawn.data[0]).shape == (32, 32, 3) and drawn.data[0].revised_prompt is None
    with pytest.raises(openai.BadRequestError, match="draws no picture") as refused:
        generate(client, {"plan": "bagel-understand"})
    assert refused.value.param == "plan"


def test_a_usual_plan_that_draws_nothing_is_told(small_checkpoint: NamedCheckpoint) -> None:
    asker = Asker(small_checkpoint, plans=NamedPlans(usual="bagel-understand"))
    body = EditBody.model_validate({"prompt": "make it blue"})
    with pytest.raises(Refused, match="the plan that requests go by here draws no picture"):
        images.asked(asker, body, [png(photo(48, 32))], "me")


def test_a_plan_that_comes_to_no_picture_is_told_with_what_it_said(client: Any) -> None:
    """Random weights never write the mark by which this one asks for a picture."""
    told = "came to no picture, but to these words: "
    with pytest.raises(openai.APIStatusError, match=told) as refused:
        generate(client, {"plan": "silent"})
    assert refused.value.status_code == 422
    with generate(client, {"plan": "silent"}, stream=True) as stream:
        with pytest.raises(openai.APIError, match=told):
            list(stream)
        stream.response.close()
