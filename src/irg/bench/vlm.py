"""A vision-language model as judge: what a user may say of it, and what its answers are known by."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator

from irg.bench.protocol import JudgeOptions
from irg.core.files import parse_json
from irg.core.settings import BaseSettings, checked
from irg.endpoint import Account, Endpoint, EndpointSettings, Price

_ACCOUNT = "judge"
_ALIKE = 10
"""So many first questions to which a judge answers nothing that can be read end the asking."""


class VlmSettings(BaseSettings):
    """Which model judges, where it is, and what it may cost. A benchmark brings defaults of its own.

    `model`, `revision`, `temperature`, `max_tokens` and `extra` are part of what an answer is known by; the
    revision is for what the address does not tell: weights, quantisation, the server's version.
    """

    model: str = Field(min_length=1)
    base_url: str = "http://127.0.0.1:8000/v1"
    key_env: str | None = None
    revision: str = ""
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int = Field(default=1000, ge=1)
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    in_flight: int = Field(default=10, ge=1)
    timeout: float = Field(default=300.0, gt=0)
    attempts: int = Field(default=6, ge=1)
    """Requests for one answer at most, where the way to the model fails."""
    wait: float = Field(default=1.0, gt=0)
    """Seconds before the second of them at most; the bound doubles from one to the next."""
    readings: int = Field(default=3, ge=1)
    """How often a question is put at most, where its answer cannot be read, or there is none."""
    max_cost: float | None = Field(default=None, ge=0)
    max_requests: int | None = Field(default=None, ge=0)
    price_input: float | None = Field(default=None, ge=0)
    """Of a million tokens, in the currency of `max_cost`."""
    price_output: float | None = Field(default=None, ge=0)
    image_tokens: int = Field(default=2000, ge=0)
    modified_templates: bool = False
    """Take templates that are not the known ones; their hashes stand in the report."""

    @field_validator("key_env", mode="before")
    @classmethod
    def _may_be_none(cls, value: Any) -> Any:
        return None if value in ("", "none") else value

    @field_validator("extra", mode="before")
    @classmethod
    def _may_be_json(cls, value: Any) -> Any:
        return parse_json(value, "the value") if isinstance(value, str) else value

    def endpoint(self, options: JudgeOptions) -> Endpoint:
        """The model; its answers are kept in `options.keep`. Raises ValueError where there is no key."""
        priced = self.price_input is not None or self.price_output is not None
        price = Price(input=self.price_input or 0.0, output=self.price_output or 0.0)
        about = {
            "base_url": self.base_url,
            "model": self.model,
            "key_env": self.key_env,
            "in_flight": self.in_flight,
            "timeout": self.timeout,
            "attempts": self.attempts,
            "backoff": {"first": self.wait},
            "alike": _ALIKE * self.readings,
            "extra": self.extra,
            "image_tokens": self.image_tokens,
            "prices": {self.model: price} if priced else {},
        }
        account = Account(
            folder=options.keep, name=_ACCOUNT, max_cost=self.max_cost, max_requests=self.max_requests
        )
        endpoint = Endpoint(checked(EndpointSettings, about, "--judge"), account)
        endpoint.check()
        return endpoint

    def identity(self, protocol: str, templates: Mapping[str, str]) -> dict[str, Any]:
        """All that decides on an answer, for the report and beside every score; `templates` are hashes."""
        return {
            "protocol": protocol,
            "model": self.model,
            "revision": self.revision,
            "host": urlsplit(self.base_url).hostname,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "extra": self.extra,
            "readings": self.readings,
            "templates": dict(templates),
        }


def vlm_settings(options: JudgeOptions, defaults: Mapping[str, Any]) -> VlmSettings:
    """A benchmark's defaults, changed by what the user says. Raises ValueError."""
    return checked(VlmSettings, {**defaults, **options.settings}, "--judge")
