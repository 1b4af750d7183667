"""What a run would ask and cost, told before anything is asked; and the most that one request can take."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any

from irg.endpoint.budget import NANOS, Charge
from irg.endpoint.requests import Message
from irg.endpoint.settings import EndpointSettings

BYTES_PER_TOKEN = 4
"""Of English, about; no tokenizer makes more than one token of one byte."""

MESSAGE_TOKENS = 16
"""What a chat template adds around a message, at the most."""


def input_bound(messages: Sequence[Message], shape: dict[str, Any] | None, settings: EndpointSettings) -> int:
    """Tokens that a model may count for a request, at the most: one for each byte of text."""
    parts = [part for message in messages for part in message.parts]
    num_bytes = sum(len(part.encode()) for part in parts if isinstance(part, str))
    num_pictures = sum(not isinstance(part, str) for part in parts)
    schema = len(json.dumps(shape).encode()) if shape else 0
    return num_bytes + schema + MESSAGE_TOKENS * len(messages) + settings.image_tokens * num_pictures


@dataclass(frozen=True)
class Call:
    """One kind of request that a stage makes, `count` times: how long it is, and how long its answer."""

    count: int
    input_bytes: int = 0
    """Of the template filled in, and of the schema."""
    pictures: int = 0
    typical_tokens: int = 0
    """Of an answer as a rule."""
    max_tokens: int = 0
    images: int = 0
    """Drawn by the request."""


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take, and the most it takes if every answer is as long as it may be and has
    to be asked for twice. Failed attempts come on top of the requests; they are charged only where a server
    may have served them."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    images: int = 0
    money: float = 0.0
    most_requests: int = 0
    most_money: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(*map(add, vars(self).values(), vars(other).values()))


def estimate(settings: EndpointSettings, calls: Iterable[Call]) -> Estimate:
    """What these calls would take at an endpoint, answers that are known already not considered."""
    total = Estimate()
    for call in calls:
        tokens_in = call.input_bytes // BYTES_PER_TOKEN + settings.image_tokens * call.pictures
        most_in = call.input_bytes + (settings.image_tokens + MESSAGE_TOKENS) * (call.pictures + 2)
        typical = Charge.of(settings.price, tokens_in, call.typical_tokens, call.images)
        first = Charge.of(settings.price, most_in, call.max_tokens, call.images)
        # The repair shows the whole of the first exchange again. A picture is never repaired.
        second = Charge.of(settings.price, most_in + 2 * call.max_tokens, call.max_tokens)
        repairs = 0 if call.images else 1
        total += Estimate(
            requests=call.count,
            tokens_in=call.count * tokens_in,
            tokens_out=call.count * call.typical_tokens,
            images=call.count * call.images,
            money=call.count * typical.nanos / NANOS,
            most_requests=call.count * (1 + repairs),
            most_money=call.count * (first.nanos + repairs * second.nanos) / NANOS,
        )
    return total
