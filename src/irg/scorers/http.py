"""A scorer as a process of its own: JSON over HTTP, for parts whose packages ours cannot share.

The server answers one question at a time, unless it is told that its answers may be asked for at once. What
goes wrong is told with its reason, and the process lives on.
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from http.client import HTTPException, HTTPResponse, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from irg.core.files import parse_json

Answer = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Of a request's object an object. Raises ValueError for a request that makes no sense."""
_MOST_BYTES = 1 << 30
"""Of a question, which may hold pictures."""
_MOST_ANSWERED = 64 << 20
_SECONDS = 600.0
_DETAIL = 300
"""Characters that are kept of what a server says went wrong."""


class ScorerFailed(Exception):
    """A scorer gave no answer; the message says why."""


class ScorerGone(ScorerFailed):
    """There is no scorer at an address, or not any more."""


def scorer_server(
    about: Mapping[str, Any],
    answers: Mapping[str, Answer],
    port: int,
    host: str = "127.0.0.1",
    at_once: bool = False,
) -> ThreadingHTTPServer:
    """A server that says `about` at /, and answers what is posted to each path. Port 0 takes a free one.

    Raises ValueError for a port that cannot be had.
    """
    turn = nullcontext() if at_once else threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(*((200, about) if self.path == "/" else _unknown(self.path, answers)))

        def do_POST(self) -> None:
            answer = answers.get(self.path)
            if answer is None:
                self.close_connection = True  # its body is not read
                self._reply(*_unknown(self.path, answers))
                return
            length = int(self.headers.get("Content-Length", 0))
            if length > _MOST_BYTES:
                self.close_connection = True
                self._reply(413, {"error": f"{length:,} bytes: expected at most {_MOST_BYTES:,}"})
                return
            body = self.rfile.read(length)
            with turn:
                self._reply(*_answered(answer, body))

        def _reply(self, status: int, content: Mapping[str, Any]) -> None:
            data = json.dumps(content).encode()
            with suppress(ConnectionError):  # who asked need not have waited for it
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: who asks tells what came of it."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except (OSError, OverflowError) as error:
        raise ValueError(f"{host}:{port} cannot be served at: {error}") from error


class ScorerClient:
    """The scorer at an address. Raises ValueError for what is no address, ScorerFailed if it says nothing."""

    def __init__(self, address: str, seconds: float = _SECONDS) -> None:
        self.address, self._seconds = address.rstrip("/"), seconds
        if not self.address.startswith(("http://", "https://")):
            raise ValueError(f"{address}: expected an address such as http://127.0.0.1:8900")
        self.about = self.exchange("/", None)

    def ask(self, path: str, body: Mapping[str, Any], turns: int = 1) -> dict[str, Any]:
        """Where others are asked before it, the answer is waited for so many times as long.

        Raises ScorerFailed with what the scorer says went wrong, ScorerGone where it is not there.
        """
        return self.exchange(path, json.dumps(body).encode(), turns)

    def exchange(self, path: str, data: bytes | None, turns: int = 1) -> dict[str, Any]:
        """What is said to this body; to none, of what is there. Raises as `ask` does."""
        return exchange(self.address, path, data, turns * self._seconds)


def exchange(address: str, path: str, data: bytes | None, seconds: float = _SECONDS) -> dict[str, Any]:
    """What the scorer at an address says to this body; to none, of what is there. Raises ScorerFailed with
    what it says went wrong, ScorerGone where it is not there."""
    headers = {"Content-Type": "application/json"} if data else {}
    try:
        request = urllib.request.Request(address + path, data, headers)
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            content = parse_json(_body(answer), "the answer")
    except urllib.error.HTTPError as error:
        raise ScorerFailed(f"status {error.code}: {_reason(error.read(_MOST_BYTES))}") from error
    except TimeoutError as error:
        raise ScorerFailed(f"no answer in {seconds:g} s") from error
    except (OSError, HTTPException) as error:  # the latter of an answer that breaks off
        raise ScorerGone(f"no scorer answers at {address}: {error}") from error
    except ValueError as error:
        raise ScorerFailed(str(error)) from error
    if not isinstance(content, dict):
        raise ScorerFailed(f"{type(content).__name__}, expected a JSON object")
    return content


def _answered(answer: Answer, body: bytes) -> tuple[int, Mapping[str, Any]]:
    try:
        asked = parse_json(body.decode(), "the question")
        if not isinstance(asked, dict):
            raise ValueError(f"{type(asked).__name__}: expected a JSON object")
        return 200, answer(asked)
    except ValueError as error:
        return 400, {"error": str(error)}
    except Exception as error:  # whatever a model raises: who asked is told, and others are answered
        return 500, {"error": f"{type(error).__name__}: {error}"}


def _body(answer: HTTPResponse) -> str:
    """Raises ValueError for one that is too long, or no text, and HTTPException for one that breaks off."""
    data = answer.read(_MOST_ANSWERED + 1)
    if len(data) > _MOST_ANSWERED:
        raise ValueError(f"an answer of more than {_MOST_ANSWERED:,} bytes")
    if answer.length:
        raise IncompleteRead(data, answer.length)
    return data.decode()


def _unknown(path: str, answers: Mapping[str, Answer]) -> tuple[int, Mapping[str, Any]]:
    return 404, {"error": f"{path}: expected / or one of {', '.join(answers)}"}


def _reason(body: bytes) -> str:
    text = body.decode(errors="replace")
    try:
        content = parse_json(text, "the answer")
    except ValueError:
        return text[:_DETAIL]
    return str(content.get("error", content) if isinstance(content, dict) else content)[:_DETAIL]
