"""Endpoints: models behind an OpenAI-compatible address, asked within a budget and never twice.

endpoint = Endpoint(EndpointSettings(base_url=..., model=..., key_env=...), Account(folder=...))
reply = await endpoint.complete(ChatRequest(messages, max_tokens=400), schema=Description)
"""

from irg.endpoint.budget import Spending, spent
from irg.endpoint.client import Endpoint
from irg.endpoint.errors import EndpointError, NoAnswer
from irg.endpoint.estimate import Call, Estimate, estimate
from irg.endpoint.requests import ChatRequest, ImageRequest, Message, Reply
from irg.endpoint.settings import (
    Account,
    Backoff,
    EndpointSettings,
    Price,
    Structured,
)

__all__ = [
    "Account",
    "Backoff",
    "Call",
    "ChatRequest",
    "Endpoint",
    "EndpointError",
    "EndpointSettings",
    "Estimate",
    "ImageRequest",
    "Message",
    "NoAnswer",
    "Price",
    "Reply",
    "Spending",
    "Structured",
    "estimate",
    "spent",
]
