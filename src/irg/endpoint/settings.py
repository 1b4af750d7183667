"""What a user says of an endpoint, and of the account that a run's requests are charged to."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, JsonValue, field_validator

from irg.core.settings import BaseSettings

_OURS = {
    *("model", "messages", "prompt", "image", "n", "size", "seed", "temperature", "top_p", "response_format"),
    *("max_tokens", "max_completion_tokens", "stream", "stream_options"),
}
"""Fields of a request's body that are set here, budgets being reckoned by them."""

_HOW = {
    *("base_url", "key_env", "timeout", "stream", "structured", "limit_name", "send_seed", "ask_base64"),
    "most_bytes",
}


class Structured(StrEnum):
    """How an endpoint is asked for JSON, from the strictest to what every server understands."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PLAIN = "plain"


class _Settings(BaseSettings):
    # A value in the wrong place may be a key: no message repeats one.
    model_config = ConfigDict(hide_input_in_errors=True)


class Price(_Settings):
    """What a model costs, in one currency throughout: per million tokens, and per image that it draws."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)
    image: float = Field(default=0.0, ge=0)


class Backoff(_Settings):
    """Seconds to wait before the second attempt at most, and before any later one at most.

    The bound doubles from attempt to attempt; the wait is between half of it and the whole, at random.
    """

    first: float = Field(default=1.0, gt=0)
    longest: float = Field(default=60.0, gt=0)
    retry_after: float = Field(default=600.0, gt=0)
    """The longest Retry-After that is waited for; a request that is told more than this fails."""


class EndpointSettings(_Settings):
    """One model behind an OpenAI-compatible address.

    Of all these only `model` and `extra` are part of what a cached answer is found by: the rest is about how
    one asks, not about what.
    """

    base_url: str
    """Where the API is, up to and including `/v1`; no credentials in it."""
    model: str = Field(min_length=1)
    key_env: str | None = None
    """The environment variable that holds the key; none for a server that asks for no key."""
    in_flight: int = Field(default=16, ge=1)
    """Requests under way at once, per process."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds that one attempt may take from its first byte to its last, streamed or not."""
    attempts: int = Field(default=6, ge=1)
    backoff: Backoff = Backoff()
    patience: int = Field(default=50, ge=1)
    """This many requests in a row without any answer, each after all its attempts, stop the run."""
    alike: int = Field(default=10, ge=1)
    """The first questions of a stage, this many, that meet one and the same answer which no other attempt
    would change (not accepted, refused, no fit) stop the run."""
    stream: bool = False
    structured: Structured = Structured.JSON_SCHEMA
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the bound on an answer's tokens."""
    send_seed: bool = True
    """Whether the server takes a `seed`."""
    ask_base64: bool = False
    """Whether the images API has to be asked for image data in its answer (`response_format`)."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of the request's body, as they are."""
    most_bytes: int = Field(default=64 << 20, ge=1)
    """Of an answer as it comes over the network, pictures included; a longer one is not read to its end."""
    image_tokens: int = Field(default=2000, ge=0)
    """The most tokens that the model counts for one image it is shown; budgets reserve by it."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """By model. A model that is not in it costs nothing, and cannot be used with a bound on cost."""

    @field_validator("base_url")
    @classmethod
    def _is_plain_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as https://api.openai.com/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("expected an address without user, password or query: keys come from key_env")
        return value.rstrip("/")

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        # In capitals only, so that a key in the wrong place is not taken for a name and repeated.
        if value is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
            raise ValueError("expected an environment variable's name in capitals, such as OPENAI_API_KEY")
        return value

    @field_validator("extra")
    @classmethod
    def _leaves_ours_alone(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        taken = sorted(_OURS & set(value))
        if taken:
            raise ValueError(f"cannot set {', '.join(taken)}, expected fields that the request does not have")
        if any(re.search("api.?key|secret|password|authorization", name.lower()) for name in value):
            raise ValueError("expected no secrets: keys come from key_env")
        return value

    @property
    def how(self) -> dict[str, JsonValue]:
        """What may decide on whether a question gets an answer, beside the model and what it is asked."""
        return self.model_dump(mode="json", include=_HOW)

    @property
    def price(self) -> Price | None:
        return self.prices.get(self.model)


class Bounds(_Settings):
    """What all endpoints of a run may take together, over all processes and restarts. None is no bound."""

    max_cost: float | None = Field(default=None, ge=0, lt=1e9)
    max_requests: int | None = Field(default=None, ge=0)
    network_disk: bool = False
    """The run's folder is shared between machines: slower, but safe where the disk has working locks."""


class Account(Bounds):
    """Where answers are kept and requests are charged, one for all of a run: its bounds hold for everything
    that was ever charged to the account of this name in this folder."""

    folder: Path
    name: str = Field(default="run", min_length=1)
