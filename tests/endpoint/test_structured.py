from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from irg.endpoint.settings import Structured
from irg.endpoint.structured import (
    UnfitAnswerError,
    instruction,
    read_answer,
    response_format,
    strict_schema,
)


class Step(BaseModel):
    title: Annotated[str, Field(min_length=1, max_length=5)]
    default: bool = True


class Plan(BaseModel):
    steps: Annotated[list[Step], Field(min_length=1, max_length=2)]


def test_a_schema_is_sent_as_strict_servers_want_it() -> None:
    schema = strict_schema(Plan)
    (step,) = schema["$defs"].values()
    assert step == {
        "type": "object",
        "properties": {"title": {"type": "string"}, "default": {"type": "boolean"}},
        "required": ["title", "default"],
        "additionalProperties": False,
    }
    assert schema["required"] == ["steps"] and schema["additionalProperties"] is False
    assert schema["properties"]["steps"]["maxItems"] == 2


def test_each_way_of_asking_says_the_shape_once() -> None:
    for how in Structured:
        asked = str(response_format(Plan, how)) + str(instruction(Plan, how))
        assert asked.count("additionalProperties") == 2
    assert response_format(Plan, Structured.PLAIN) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"steps": [{"title": "look"}]}',
        'Sure!\n```json\n{"steps": [{"title": "look"}]}\n```\nAnything else?',
        '<think>{"steps": 3}?</think>{"steps": [{"title": "look"}]}',
        'first a } or { ...</think>\n{"steps": [{"title": "look"}]}',
        'Of the {form}, as asked:\n```json\n{"steps": [{"title": "look"}]}\n```\nMind the {braces}.',
        'Not {"steps": []}, nor {"steps": [{"title": "else"}]} but {"steps": [{"title": "look"}]} {}',
    ],
)
def test_an_answer_is_found_among_other_words(text: str) -> None:
    assert read_answer(text, Plan) == Plan(steps=[Step(title="look")])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("I cannot", "no complete JSON object"),
        ('<think>{"steps": [{"title": "look"}]}', "no complete JSON object"),
        ("{" * 200_000 + "}", "Invalid JSON"),
        ('{"steps":' * 5_000 + "}" * 5_000, "Invalid JSON"),
        ('{"steps": [{"title": "lo', "no complete JSON object"),
        ('{"steps": [}', "Invalid JSON"),
        ('{"steps": []}', "steps: List should have at least 1 item"),
        ('{"steps": [{"title": "a long one"}]}', "steps.0.title: String should have at most 5"),
    ],
)
def test_an_unfit_answer_is_told_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(UnfitAnswerError) as caught:
        read_answer(text, Plan)
    assert problem in str(caught.value)
