"""POST /v1/responses, by the official client, at a server of the small model."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from irg.cli.app import app
from irg.core.events import ImageDone, ThoughtDone
from irg.core.picture import Picture
from irg.core.trace import png
from irg.pipeline.load import NamedCheckpoint
from irg.pipeline.plans.reading import read_plan
from irg.serve.asked import Contents, Manner
from irg.serve.asking import Asker
from irg.serve.fields import DrawingFields, ResponsesBody, TextFields
from irg.serve.protocol import Ended, PictureDone
from irg.serve.responses import ResponseWriter
from irg.serve.shelf import Shelf
from tests.pipeline.watching import photo

openai = pytest.importorskip("openai", reason="openai is not installed: pip install irg[curate]")

PROMPT = "two red circles left of a blue square"
DATA = png(photo(16, 16))


@pytest.fixture
def client(small_server: str) -> Any:
    return openai.OpenAI(base_url=f"{small_server}/v1", api_key="none", max_retries=0)


def ask(client: Any, said: Any = PROMPT, tool: dict[str, Any] | None = None, **fields: Any) -> Any:
    known = ("store", "stream", "previous_response_id", "instructions", "tool_choice")
    openais = {name: fields.pop(name) for name in known if name in fields}
    if tool is not None:
        openais["tools"] = [{"type": "image_generation", **tool}]
    return client.responses.create(model="small", input=said, extra_body=fields, **openais)


def picture(item: Any) -> np.ndarray:
    return np.asarray(Picture(base64.b64decode(item.result)).open(), np.int16)


def thoughts(response: Any) -> list[str]:
    return [item.content[0].text for item in response.output if item.type == "reasoning"]


def pictures(response: Any) -> list[np.ndarray]:
    return [picture(item) for item in response.output if item.type == "image_generation_call"]


def near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).max() <= 1)


def test_thoughts_and_pictures_come_in_their_order(client: Any) -> None:
    response = ask(client, turns=3)
    assert [item.type for item in response.output] == ["reasoning", "image_generation_call"] * 3
    drawn = [item for item in response.output if item.type == "image_generation_call"]
    assert [item.action for item in drawn] == ["generate", "edit", "edit"]
    assert response.status == "completed" and response.usage.output_tokens > 0
    assert len({item.id for item in response.output}) == 6


def test_a_deterministic_request_gives_the_bytes_of_the_pipeline(
    client: Any, small_checkpoint: NamedCheckpoint
) -> None:
    response = ask(client, turns=2, seed=7, deterministic=True)
    events = list(small_checkpoint.load().generate(PROMPT, small_checkpoint.settings.plan(2), 7))
    assert thoughts(response) == [event.text for event in events if isinstance(event, ThoughtDone)]
    drawn = [np.asarray(event.image) for event in events if isinstance(event, ImageDone)]
    assert all(map(np.array_equal, pictures(response), drawn))


def test_a_deterministic_request_gives_the_files_of_irg_generate(
    client: Any, small_checkpoint: NamedCheckpoint, tmp_path: Path
) -> None:
    drawn = tmp_path / "drawn"
    model = ("--model", str(small_checkpoint.name), "--device", "cpu")
    done = CliRunner().invoke(
        app, ["generate", PROMPT, "--turns", "2", "--seed", "7", "--out", str(drawn), *model]
    )
    assert done.exit_code == 0, done.output
    response = ask(client, turns=2, seed=7, deterministic=True)
    sent = [base64.b64decode(item.result) for item in response.output if item.type == "image_generation_call"]
    assert sent == [(drawn / f"turn{number}.png").read_bytes() for number in (1, 2)]


def test_a_stream_tells_all_that_the_whole_answer_holds(client: Any) -> None:
    events = list(ask(client, turns=2, seed=3, stream=True, tool={"partial_images": 1}))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds[:2] == ["created", "in_progress"] and kinds[-1] == "completed"
    drawing = ["output_item.added", "image_generation_call.in_progress", "image_generation_call.generating"]
    drawing += ["image_generation_call.partial_image", "image_generation_call.completed", "output_item.done"]
    first = kinds.index("image_generation_call.in_progress") - 1
    assert kinds[first : first + 6] == drawing
    response, whole = events[-1].response, ask(client, turns=2, seed=3)
    assert thoughts(response) == thoughts(whole)
    assert all(
        np.abs(one - other).max() <= 1 for one, other in zip(pictures(response), pictures(whole), strict=True)
    )
    deltas: dict[int, str] = {}
    for event in events:
        if event.type == "response.reasoning_text.delta":
            deltas[event.output_index] = deltas.get(event.output_index, "") + event.delta
    assert list(deltas.values()) == thoughts(response)
    done = [event.item.id for event in events if event.type == "response.output_item.done"]
    assert done == [item.id for item in response.output]


def test_a_person_goes_on_with_words_of_her_own(client: Any) -> None:
    first = ask(client, turns=2, seed=3, store=True)
    hers = ask(client, "Make the square red.", previous_response_id=first.id, store=True)
    assert [item.type for item in hers.output] == ["image_generation_call"]
    again = ask(client, "Make the square red.", previous_response_id=first.id)
    assert near(pictures(hers)[0], pictures(again)[0])
    third = ask(client, [], previous_response_id=hers.id)
    assert [item.type for item in third.output] == ["reasoning", "image_generation_call"]


def test_any_picture_of_an_answer_can_be_gone_on_from(client: Any) -> None:
    first = ask(client, turns=2, seed=3, store=True)
    one, other = [item.id for item in first.output if item.type == "image_generation_call"]
    words = {"role": "user", "content": "Make the square red."}
    from_first = ask(
        client, [{"type": "image_generation_call", "id": one}, words], previous_response_id=first.id
    )
    by_reference = ask(client, [{"type": "item_reference", "id": one}, words])
    from_last = ask(client, [{"type": "item_reference", "id": other}, words])
    assert near(pictures(from_first)[0], pictures(by_reference)[0])
    assert not np.array_equal(pictures(from_last)[0], pictures(by_reference)[0])


def test_a_reflection_is_changed_before_it_is_drawn(client: Any) -> None:
    whole = ask(client, turns=2, seed=3)
    left = ask(client, turns=2, seed=3, store=True, stop_at="thought")
    assert [item.type for item in left.output] == ["reasoning", "image_generation_call", "reasoning"]
    assert thoughts(left) == thoughts(whole)
    kept = ask(client, [], previous_response_id=left.id)
    changed = ask(client, "Make it blue.", previous_response_id=left.id, store=True)
    assert near(pictures(kept)[0], pictures(whole)[1])
    assert not np.array_equal(pictures(changed)[0], pictures(whole)[1])
    (name,) = [item.id for item in changed.output]
    assert len(pictures(ask(client, [{"type": "item_reference", "id": name}]))) == 1


def test_a_picture_is_edited_or_asked_about(client: Any) -> None:
    drawn = ask(client, turns=1).output[1].result
    shown = [
        {"type": "input_image", "image_url": f"data:image/png;base64,{drawn}"},
        {"type": "input_text", "text": "make the square red"},
    ]
    with pytest.raises(openai.BadRequestError, match="a picture, which is edited"):
        ask(client, [{"role": "user", "content": shown}], {"action": "generate"})
    edited = ask(client, [{"role": "user", "content": shown}], {"output_format": "jpeg", "action": "edit"})
    assert edited.output[-1].action == "edit"
    assert Picture(base64.b64decode(edited.output[-1].result)).kind == "jpeg"
    answer = ask(client, [{"role": "user", "content": shown}], tool_choice="none", store=True)
    assert [item.type for item in answer.output] == ["message"] and answer.output_text
    assert answer.model_extra["store"] is False, "there is no episode to go on from"
    events = list(ask(client, [{"role": "user", "content": shown}], tool_choice="none", stream=True))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == answer.output_text


def test_what_an_answer_held_can_be_sent_back(client: Any) -> None:
    first = ask(client, turns=1)
    items = [item.model_dump(exclude_none=True) for item in first.output]
    more = ask(
        client, [{"role": "user", "content": "a star"}, *items, {"role": "user", "content": "make it red"}]
    )
    assert more.output[-1].action == "edit"


@pytest.mark.parametrize(
    "fields, status, param",
    [
        ({"previous_response_id": "resp_nothing"}, 404, "previous_response_id"),
        ({"said": [{"type": "item_reference", "id": "ig_nothing"}]}, 404, "input"),
        ({"said": [{"role": "user", "content": []}]}, 400, "prompt"),
        ({"tool": {"size": "65x65"}}, 400, "size"),
        ({"tool": {"action": "edit"}}, 400, "tools.0.action"),
        ({"tool": {"partial_images": 4}}, 400, "tools.0.partial_images"),
        ({"nonsense": 5}, 400, "nonsense"),
        ({"plan": "nonsense"}, 400, "plan"),
        ({"plan": "../../irg"}, 400, "plan"),
        ({"plan": "bagel-edit"}, 400, "plan"),
        ({"plan": "irg", "thinking": True}, 400, "thinking"),
        ({"tool_choice": "none", "turns": 2}, 400, "turns"),
    ],
)
def test_what_cannot_be_done_is_told_before_a_stream_begins(
    client: Any, fields: dict[str, Any], status: int, param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, stream=True, **fields)
    assert (refused.value.status_code, refused.value.param) == (status, param)


def test_what_a_model_does_not_know_is_said(client: Any) -> None:
    assert ask(client, turns=1).model_extra["warnings"] == []


def test_a_plan_is_named_and_gone_on_by(client: Any, small_checkpoint: NamedCheckpoint) -> None:
    by_plan = {"plan": "irg", "steps": 2, "turns": 2, "seed": 7, "deterministic": True}
    response = ask(client, store=True, **by_plan)
    plan = read_plan("irg").with_turns(2).with_drawing(steps=2)
    events = list(small_checkpoint.load().generate(PROMPT, plan, 7))
    assert thoughts(response) == [event.text for event in events if isinstance(event, ThoughtDone)]
    drawn = [np.asarray(event.image) for event in events if isinstance(event, ImageDone)]
    assert len(drawn) == 2 and all(map(np.array_equal, pictures(response), drawn))
    (one, _) = [item.id for item in response.output if item.type == "image_generation_call"]
    hers = [{"type": "item_reference", "id": one}, {"role": "user", "content": thoughts(response)[1]}]
    again = ask(client, hers, deterministic=True)
    assert [item.type for item in again.output] == ["image_generation_call"]
    assert near(pictures(again)[0], pictures(response)[1])
    with pytest.raises(openai.BadRequestError, match="by the plan that it was made by"):
        ask(client, "Make it red.", previous_response_id=response.id, plan="irg")


def test_a_plan_that_draws_nothing_answers_in_a_message(client: Any) -> None:
    for fields in ({}, {"tool_choice": "none"}):
        answer = ask(client, "why?", plan="bagel-understand", store=True, max_output_tokens=6, **fields)
        assert [item.type for item in answer.output] == ["message"] and answer.output_text
    with pytest.raises(openai.BadRequestError, match="words alone"):
        ask(client, "why?", plan="irg", tool_choice="none")


def test_a_picture_that_is_kept_stands_once_more_and_says_so(small_writer: Any) -> None:
    writer = small_writer()
    told = [
        *writer.take(PictureDone(1, DATA, 4)),
        *writer.take(ThoughtDone(2, "Nothing is wrong.", 3, False, False)),
    ]
    told += [*writer.take(PictureDone(2, DATA, 0, kept=True)), *writer.take(Ended(9, answer=None))]
    first, _, second = writer.items
    assert second["result"] == first["result"] and second["kept"] is True and "kept" not in first
    assert "revised_prompt" not in second and second["id"] != first["id"]
    kinds = [piece.split(b"\n")[0] for piece in told]
    assert kinds[-1] == b"event: response.completed" and kinds.count(b"event: response.output_item.done") == 3


def test_a_text_that_is_the_result_of_a_plan_is_a_message_too(small_writer: Any) -> None:
    writer = small_writer()
    told = [
        *writer.take(PictureDone(1, DATA, 4)),
        *writer.take(ThoughtDone(2, "<answer>4</answer>", 3, False, False)),
    ]
    told += [*writer.take(Ended(9, answer="<answer>4</answer>"))]
    assert [item["type"] for item in writer.items] == ["image_generation_call", "reasoning", "message"]
    assert writer.items[-1]["content"][0]["text"] == "<answer>4</answer>"
    assert b"response.output_item.done" in told[-2]


@pytest.fixture
def small_writer(small_checkpoint: NamedCheckpoint) -> Any:
    """Makes writers of an answer that draws."""
    asked = Asker(small_checkpoint).episode(Contents((PROMPT,)), Manner(DrawingFields(), TextFields()), "me")
    return lambda: ResponseWriter(ResponsesBody(input=PROMPT), "small", asked, Shelf(), "me")
