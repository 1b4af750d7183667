"""Endpoints of the fake server, with waits made for tests."""

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from irg.endpoint import (
    Account,
    Backoff,
    ChatRequest,
    Endpoint,
    EndpointError,
    EndpointSettings,
    Message,
)
from tests.endpoint.fake_server import FakeServer, serving

QUICK = Backoff(first=0.01, longest=0.05)

PROCESSES = multiprocessing.get_context("forkserver")
"""Makes processes that have what is slow to import already, and none of this one's threads."""
PROCESSES.set_forkserver_preload(["irg.endpoint", "openai", "tenacity"])

Make = Callable[..., Endpoint]


def ask(words: str, max_tokens: int = 50) -> ChatRequest:
    return ChatRequest((Message("user", (words,)),), max_tokens=max_tokens)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as running:
        yield running


@pytest.fixture
def make(server: FakeServer, tmp_path: Path) -> Make:
    """Makes endpoints of the server: settings by name, and `max_cost`, `max_requests` of the account."""

    def one(**given: Any) -> Endpoint:
        bounds = {name: given.pop(name) for name in ("max_cost", "max_requests") if name in given}
        base: dict[str, Any] = {"base_url": server.url, "model": "judge", "backoff": QUICK, "timeout": 2.0}
        account = Account(folder=tmp_path / "cache", **bounds)
        return Endpoint(EndpointSettings(**(base | given)), account)

    return one


def run(work: Any) -> Any:
    return asyncio.run(work)


class Verdict(BaseModel):
    better: Literal["first", "second"]
    why: str


async def ask_all(endpoint: Endpoint, count: int) -> list[Any]:
    requests = [endpoint.complete(ask(f"question {number}"), Verdict) for number in range(count)]
    async with endpoint.open():
        return await asyncio.gather(*requests, return_exceptions=True)


def failure_of(endpoint: Endpoint, words: str = "a question") -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        run(endpoint.complete(ask(words), Verdict))
    return caught.value
