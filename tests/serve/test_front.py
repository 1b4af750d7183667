import base64
import io
import json
import logging
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install irg[serve]")

from irg.pipeline.load import NamedCheckpoint
from irg.serve import journal
from irg.serve.callers import OPEN, Callers
from irg.serve.front import Serving
from irg.serve.tokens import TokenBook, TokenLimits
from tests.serve.conftest import Front
from tests.serve.program import program

ASKED = {"input": "two red stars", "turns": 1, "stream": True}


def ask(
    address: str, body: dict[str, Any] | None = None, token: str = "", method: str | None = None
) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=200) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextmanager
def asking_for_tokens(front: Front, book: TokenBook) -> Iterator[TokenBook]:
    before = front.gate.callers
    front.gate.callers = Callers(book, is_local=True)
    try:
        yield book
    finally:
        front.gate.callers = before


@pytest.fixture
def book(front: Front, tmp_path: Path) -> Iterator[TokenBook]:
    with asking_for_tokens(front, TokenBook(tmp_path / "tokens.json")) as book:
        yield book


def routes(front: Front) -> set[tuple[str, str]]:
    """Every path that the application has, with every method; those of its schema and those beside it."""
    app: Any = front.gate.app
    schema = {(path, method.upper()) for path, ways in app.openapi()["paths"].items() for method in ways}
    beside = {
        (route.path, method) for route in app.routes for method in getattr(route, "methods", None) or ()
    }
    return {(path.replace("{name}", "small"), method) for path, method in schema | beside}


def test_without_a_token_nothing_is_answered_but_what_says_nothing(front: Front, book: TokenBook) -> None:
    token = book.add("alice", TokenLimits())
    found = routes(front)
    assert {("/v1/responses", "POST"), ("/metrics", "GET"), ("/page.json", "GET"), ("/", "GET")} <= found
    for path, method in found:
        wanted = method in ("GET", "HEAD") and path in OPEN
        for given in ("", "irgt_wrong", token[:-1]):
            status, said = ask(front.address + path, {} if method == "POST" else None, given, method)
            assert (status == 200) if wanted else (status == 401), (path, method, status)
            assert token not in said
    assert ask(f"{front.address}/page.json", token=token)[0] == 200


def test_a_refusal_waits_for_the_rest_of_a_small_body(front: Front, book: TokenBook) -> None:
    """Closing before it comes would reset the connection, and the answer could be lost."""
    book.add("alice", TokenLimits())
    host, port = front.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as asking:
        head = ("POST /v1/responses HTTP/1.1", "Host: here", "Connection: close", "Content-Length: 2", "", "")
        asking.sendall("\r\n".join(head).encode())
        time.sleep(0.2)
        for part in (b"{", b"}"):
            asking.sendall(part)
            time.sleep(0.1)
        with asking.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 401 ")


def test_a_token_is_in_no_line_and_no_answer(front: Front, book: TokenBook) -> None:
    token, written = book.add("alice", TokenLimits()), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(journal.JsonLine())
    journal.LOGGER.addHandler(handler)
    journal.LOGGER.setLevel(logging.INFO)
    try:
        said = [
            ask(f"{front.address}/v1/models?key={token}", token=token)[1],
            ask(f"{front.address}/v1/{token}", token=token)[1],
            ask(f"{front.address}/v1/responses", {"input": "a star", token: 1}, "irgt_wrong-wrong")[1],
        ]
    finally:
        journal.LOGGER.removeHandler(handler)
    assert token not in "".join(said) and token not in written.getvalue()


def test_a_token_draws_what_its_limits_allow(front: Front, book: TokenBook) -> None:
    token = book.add("alice", TokenLimits(pixels=32 * 32))
    status, said = ask(f"{front.address}/v1/responses", ASKED, token)
    assert status == 200 and "event: response.completed" in said
    status, said = ask(f"{front.address}/v1/responses", ASKED | {"turns": 2}, token)
    assert status == 400 and "this token has up to 1,024 a request" in said


def test_a_monitor_is_told_of_requests_and_of_the_engine(front: Front) -> None:
    assert ask(f"{front.address}/v1/responses", ASKED)[0] == 200
    status, page = ask(f"{front.address}/metrics")
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    numbers = {name: float(value) for name, _, value in lines}
    assert status == 200
    for name in ("first_token", "first_picture", "step"):
        assert numbers[f"irg_{name}_seconds_count"] >= 1 and numbers[f"irg_{name}_seconds_sum"] > 0
    assert numbers['irg_requests_total{route="/v1/responses",status="200"}'] >= 1
    assert (numbers["irg_queue"], numbers["irg_models_ready"], numbers["irg_models_lost"]) == (0, 1, 0)
    assert numbers["irg_pool_size_bytes"] > 0


def test_pictures_elsewhere_are_refused(front: Front) -> None:
    picture = {"type": "input_image", "image_url": "http://127.0.0.1/secret.png"}
    words = {"type": "input_text", "text": "make it red"}
    status, said = ask(
        f"{front.address}/v1/responses", {"input": [{"role": "user", "content": [picture, words]}]}
    )
    assert status == 400 and "are not fetched here" in said


def test_pictures_that_are_small_as_files_alone_are_refused(front: Front) -> None:
    """One of 81 million pixels in 10 kB, and then fifty of 2 million each."""
    for side, count, said in (
        (9000, 1, "9000x9000 pixels, more than the 64 million"),
        (1400, 50, "million pixels in all: expected at most 64"),
    ):
        packed = io.BytesIO()
        Image.new("1", (side, side)).save(packed, "PNG")
        data = packed.getvalue()
        address = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        content = [{"type": "input_image", "image_url": address}] * count
        content += [{"type": "input_text", "text": "a star"}]
        status, answer = ask(
            f"{front.address}/v1/responses", {"input": [{"role": "user", "content": content}]}
        )
        assert status == 400 and said in answer


def test_others_are_not_let_in_by_chance(small_checkpoint: NamedCheckpoint, tmp_path: Path) -> None:
    book = TokenBook(tmp_path / "tokens.json")
    open_to_others = Serving((small_checkpoint,), "0.0.0.0", book.path)
    with pytest.raises(ValueError, match=r"others reach 0\.0\.0\.0"):
        open_to_others.check()
    Serving((small_checkpoint,), "0.0.0.0", None).check()
    Serving((small_checkpoint,), "127.0.0.1", book.path).check()
    book.add("alice", TokenLimits())
    open_to_others.check()


def test_a_port_that_is_taken_is_told(small_checkpoint: NamedCheckpoint) -> None:
    serving = Serving((small_checkpoint,))
    with (
        serving.listening(0) as taken,
        pytest.raises(ValueError, match=r"127\.0\.0\.1:\d+ cannot be served at"),
    ):
        serving.listening(taken.getsockname()[1])


def test_what_is_under_way_is_answered_before_the_program_ends(
    small_checkpoint: NamedCheckpoint, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with program(log, "--model", small_checkpoint.name, "--device", "cpu") as (address, process):
        request = urllib.request.Request(
            f"http://{address}/v1/responses",
            json.dumps(ASKED | {"turns": 3, "steps": 40}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=200) as answer:
            assert answer.readline() == b"event: response.created\n"
            process.send_signal(signal.SIGTERM)
            events = [line.strip() for line in answer if line.startswith(b"event: ")]
        assert events[-1] == b"event: response.completed"
        assert process.wait(60) in (-signal.SIGTERM, 0)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (told,) = [line for line in lines if line.get("path") == "/v1/responses"]
    assert (told["status"], told["token"]) == (200, None) and "Traceback" not in log.read_text()
