import io
import json
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install irg[serve]")

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from irg.serve import journal
from irg.serve.callers import Callers
from irg.serve.gate import Gate, RequestBounds
from irg.serve.metrics import Metrics
from irg.serve.tokens import TokenBook, TokenLimits
from tests.serve.servers import eventually, serving

BOUNDS = RequestBounds(body_bytes=1000, body_seconds=0.4, seconds=0.8)


def small_app() -> FastAPI:
    app = FastAPI()

    @app.post("/length")
    async def length(request: Request) -> dict[str, Any]:
        caller = request.state.caller
        return {"length": len(await request.body()), "caller": caller.name, "id": request.state.request_id}

    @app.get("/stream/{seconds}")
    async def stream(seconds: float) -> StreamingResponse:
        import asyncio

        async def lines() -> Any:
            yield "data: begun\n\n"
            await asyncio.sleep(seconds)
            yield "data: ended\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("irgt_0123456789abcdef is in here")

    return app


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(journal.JsonLine())
    journal.LOGGER.addHandler(handler)
    journal.LOGGER.setLevel(logging.INFO)
    yield stream
    journal.LOGGER.removeHandler(handler)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def book(tmp_path: Path) -> TokenBook:
    return TokenBook(tmp_path / "tokens.json")


@pytest.fixture
def address(metrics: Metrics, book: TokenBook) -> Iterator[str]:
    with serving(Gate(small_app(), Callers(book, is_local=True), metrics, BOUNDS)) as address:
        yield address


def ask(address: str, data: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    request = urllib.request.Request(address, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=100) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"], error.headers


def written(lines: io.StringIO, count: int) -> list[dict[str, Any]]:
    """The lines, once there are so many: the last one follows its answer."""
    eventually(lambda: lines.getvalue().count("\n") >= count)
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def raw(address: str, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What is answered to bytes that come in pieces."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=100) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    return answer


def test_a_request_gets_its_name_its_caller_and_a_line(
    address: str, book: TokenBook, lines: io.StringIO
) -> None:
    token = book.add("alice", TokenLimits())
    status, body, headers = ask(f"{address}/length?key={token}", b"12345", Authorization=f"Bearer {token}")
    answer = json.loads(body)
    assert (status, answer["length"], answer["caller"]) == (200, 5, "alice")
    assert headers["x-request-id"] == answer["id"] and headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    (line,) = written(lines, 1)
    wanted = {"event": "request", "request": answer["id"], "path": "/length", "status": 200, "token": "alice"}
    assert wanted.items() <= line.items() and line["bytes_in"] == 5
    assert token not in lines.getvalue()


def test_whoever_has_no_token_is_refused_on_every_route(
    address: str, book: TokenBook, metrics: Metrics
) -> None:
    token = book.add("alice", TokenLimits(requests_per_minute=1))
    for path in ("/length", "/fails", "/docs", "/openapi.json", "/no-such", "/metrics", "//"):
        for given in ({}, {"Authorization": "Bearer irgt_wrong"}):
            status, error, headers = ask(address + path, **given)
            assert (status, error["code"], headers["www-authenticate"]) == (401, "invalid_api_key", "Bearer")
    assert ask(f"{address}/length", b"", Authorization=f"Bearer {token}")[0] == 200
    status, error, headers = ask(f"{address}/length", b"", Authorization=f"Bearer {token}")
    assert (status, error["code"]) == (429, "rate_limit_exceeded") and int(headers["retry-after"]) <= 60
    eventually(lambda: 'irg_errors_total{reason="rate_limit_exceeded"} 1.0' in metrics.page().decode())
    page = metrics.page().decode()
    assert 'irg_errors_total{reason="invalid_api_key"} 14.0' in page
    assert 'irg_requests_total{route="/length",status="200"} 1.0' in page


def test_bodies_are_bounded_told_or_not(address: str) -> None:
    status, error, _ = ask(f"{address}/length", b"x" * 1001)
    assert (status, error["code"]) == (413, "body_too_large")
    head = b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"258\r\n" + b"x" * 600 + b"\r\n"
    answer = raw(address, head, chunk, chunk)
    assert answer.startswith(b"HTTP/1.1 413") and b"body_too_large" in answer
    assert ask(f"{address}/length", b"x" * 1000)[0] == 200


def test_half_a_body_is_not_waited_for(address: str, metrics: Metrics) -> None:
    head = b"POST /length HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"
    answer = raw(address, head, b"half")
    assert answer.startswith(b"HTTP/1.1 408") and b"body_timeout" in answer
    eventually(lambda: 'irg_errors_total{reason="body_timeout"} 1.0' in metrics.page().decode())


def test_what_takes_too_long_ends_with_an_error_in_its_stream(address: str) -> None:
    status, body, _ = ask(f"{address}/stream/0.1")
    assert status == 200 and body == b"data: begun\n\ndata: ended\n\n"
    status, body, _ = ask(f"{address}/stream/30")
    begun, error, rest = body.split(b"\n\n")
    assert (status, begun, rest) == (200, b"data: begun", b"")
    told = json.loads(error.removeprefix(b"event: error\ndata: "))
    assert (told["type"], told["code"], told["error"]["code"]) == ("error", "timeout", "timeout")


def test_failures_name_the_request_and_nothing_else(address: str, lines: io.StringIO) -> None:
    request = urllib.request.Request(f"{address}/fails")
    with pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(request, timeout=100)
    answer = failed.value.read().decode()
    assert failed.value.code == 500 and "irgt_" not in answer
    told = written(lines, 2)
    assert [line["event"] for line in told] == ["failed", "request"]
    assert "RuntimeError: irgt_... is in here" in told[0]["traceback"]
    assert told[0]["request"] == failed.value.headers["x-request-id"]


def test_who_leaves_is_counted(address: str, metrics: Metrics) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=100) as connection:
        connection.sendall(b"GET /stream/0.5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    eventually(lambda: "client_gone" in metrics.page().decode())
