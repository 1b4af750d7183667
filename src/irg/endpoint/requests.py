"""What is asked of an endpoint and what comes back, with no word yet of how it travels."""

import base64
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from irg.core.cost import Cost
from irg.core.digest import digest_of
from irg.core.picture import Picture
from irg.endpoint.settings import EndpointSettings

KEY_FORMAT = 1
"""Counts changes of what keys are made of; a change forgets every cached answer."""

SEEDS = 2**31
"""Servers differ in how large a seed they take; all take one below this."""

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True)
class Message:
    """One message: words and pictures in the order in which they are shown."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | Picture, ...]
    in_parts: bool = False
    """Sent as a list of its parts also where it is nothing but text, as some official scripts do."""


@dataclass(frozen=True)
class ChatRequest:
    """A question to a model. `template` names the template and version that the words come from."""

    messages: tuple[Message, ...]
    max_tokens: int
    template: str = ""
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class ImageRequest:
    """A picture to draw, or `source` to change. `size` is width and height in pixels."""

    prompt: str
    size: tuple[int, int]
    source: Picture | None = None
    template: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Reply(Generic[Value]):
    """An answer. `usage` is what it took to get when it was first given, so it is the same from the cache."""

    value: Value
    usage: Cost
    cached: bool
    """No request was made for it: it was known, or the same question was already on its way."""
    attempts: int
    """Requests made for it now, failed ones included."""
    served: str = ""
    """The model by the name that the server gives it, which may say more than the one that was asked for."""


def chat_key(settings: EndpointSettings, request: ChatRequest, schema: type[BaseModel] | None) -> str:
    """What the answer is kept under. Where the model runs is no part of it."""
    messages = [
        [
            message.role,
            [part if isinstance(part, str) else {"picture": part.digest} for part in message.parts],
            *([True] if message.in_parts else []),
        ]
        for message in request.messages
    ]
    sampling = [request.max_tokens, request.temperature, request.top_p, wire_seed(request.seed)]
    shape = schema.model_json_schema() if schema else None
    about = [settings.model, settings.extra, request.template]
    return digest_of(KEY_FORMAT, "chat", about, messages, sampling, shape)


def written_key(settings: EndpointSettings, request: ChatRequest) -> str:
    """What an answer is kept under that is kept as the model wrote it, its reasoning included."""
    return digest_of(chat_key(settings, request, None), "as written")


def image_key(settings: EndpointSettings, request: ImageRequest) -> str:
    source = request.source.digest if request.source else None
    about = [settings.model, settings.extra, request.template]
    return digest_of(
        KEY_FORMAT, "image", about, request.prompt, source, list(request.size), wire_seed(request.seed)
    )


def wire_seed(seed: int | None) -> int | None:
    return None if seed is None else seed % SEEDS


def wire_messages(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Messages as the protocol has them: plain text where there is nothing but text."""
    return [
        {
            "role": message.role,
            "content": "".join(part for part in message.parts if isinstance(part, str))
            if not message.in_parts and all(isinstance(part, str) for part in message.parts)
            else [_wire_part(part) for part in message.parts],
        }
        for message in messages
    ]


def _wire_part(part: str | Picture) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.kind not in ("png", "jpeg", "webp", "gif"):
        raise ValueError(f"a picture begins with {part.data[:4]!r}, expected PNG, JPEG, WebP or GIF")
    address = f"data:image/{part.kind};base64,{base64.b64encode(part.data).decode()}"
    return {"type": "image_url", "image_url": {"url": address}}
