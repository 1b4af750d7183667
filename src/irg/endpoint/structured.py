"""Answers that are data: how a shape is asked for, an answer read, and a wrong one sent back."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from irg.endpoint.settings import Structured

Shape = TypeVar("Shape", bound=BaseModel)

_LOCAL_KEYWORDS = {"title", "default", "minLength", "maxLength"}
"""Parts of a JSON schema that strict servers refuse; what they say is checked here all the same."""

_MOST_PROBLEMS = 8
"""Of an answer, that its model is told."""
_MOST_BRACES = 64


class UnfitAnswerError(ValueError):
    """An answer that is not what the schema says. The message is written for the model that gave it."""


def response_format(schema: type[BaseModel], how: Structured) -> dict[str, Any] | None:
    """The request's field that asks for the shape; None where only words can ask."""
    match how:
        case Structured.JSON_SCHEMA:
            named = {"name": schema.__name__, "strict": True, "schema": strict_schema(schema)}
            return {"type": "json_schema", "json_schema": named}
        case Structured.JSON_OBJECT:
            return {"type": "json_object"}
        case Structured.PLAIN:
            return None


def strict_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema as strict servers want it: every field required, no others, no local keywords."""

    def strict(node: Any) -> Any:
        if isinstance(node, list):
            return [strict(item) for item in node]
        if not isinstance(node, dict):
            return node
        kept = {name: strict(value) for name, value in node.items() if name not in _LOCAL_KEYWORDS}
        if "properties" in node:  # whose names are the fields', and no keywords
            fields = {name: strict(value) for name, value in node["properties"].items()}
            kept |= {"properties": fields, "required": list(fields), "additionalProperties": False}
        return kept

    return strict(schema.model_json_schema())


def instruction(schema: type[BaseModel], how: Structured) -> str | None:
    """The words that ask for the shape, where the request has no field that does."""
    if how is Structured.JSON_SCHEMA:
        return None
    shape = json.dumps(strict_schema(schema), ensure_ascii=False)
    return f"Answer with one JSON object and nothing else. It has to fit this JSON schema:\n{shape}"


def read_answer(text: str, schema: type[Shape]) -> Shape:
    """The answer in its shape. Reasoning before it, a code fence around it and words beside it, also with
    braces, are let pass: of several objects the last that fits is the answer.

    Raises UnfitAnswerError when there is no JSON object or it does not fit.
    """
    text = without_reasoning(text)
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise UnfitAnswerError("it holds no complete JSON object")
    whole = text[start : end + 1]
    problem = ""
    for candidate in reversed([whole, *_objects(whole)]):
        try:
            return schema.model_validate_json(candidate)
        except ValidationError as wrong:
            errors = wrong.errors(include_url=False)[:_MOST_PROBLEMS]
            problem = problem or "; ".join(_problem(one["loc"], one["msg"]) for one in errors)
    raise UnfitAnswerError(problem)


def without_reasoning(text: str) -> str:
    """What follows the reasoning that some servers leave in an answer: nothing where that has no end."""
    _, end, after = text.rpartition("</think>")
    return "" if not end and text.lstrip().startswith("<think>") else after.strip()


def _objects(text: str) -> list[str]:
    """The JSON objects in a text, in order, but for those within others. Of many braces not all are tried."""
    found, start, decoder = [], text.find("{"), json.JSONDecoder()
    for _ in range(_MOST_BRACES):
        if start < 0:
            break
        try:
            _, end = decoder.raw_decode(text, start)
            found.append(text[start:end])
        except (ValueError, RecursionError):
            end = start + 1
        start = text.find("{", end)
    return found


def repair(problem: str) -> str:
    """What the model is told after an answer that cannot be used."""
    return (
        f"That answer cannot be used: {problem}. Give the whole answer again, corrected, as one JSON object "
        "that fits the schema, and nothing else."
    )


def _problem(place: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in place)
    return f"{name}: {message}" if name else message
