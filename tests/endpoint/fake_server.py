"""A local server that speaks the OpenAI protocol and misbehaves on demand: real sockets, seeded faults.

Which fault a request meets depends on the seed, its body and how often that body has come, never on the order
in which different requests arrive.
"""

import base64
import hashlib
import io
import json
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

Body = dict[str, Any]


class Fault(StrEnum):
    RATE_LIMIT = "429"
    RETRY_AFTER = "429 with Retry-After"
    SERVER_ERROR = "500"
    HANG = "no answer"
    TRUNCATED = "half of the JSON, under a length that says so"
    BROKEN_OFF = "half of what the length says"
    WRONG_SCHEMA = "JSON of another shape"
    SLOW_STREAM = "an answer that trickles"
    RESET = "connection reset"
    ECHO = "an error that repeats the request's headers"


@dataclass(frozen=True)
class Behaviour:
    """How the server behaves: the share of requests that meet each fault, and what it answers else."""

    faults: dict[Fault, float] = field(default_factory=dict)
    seed: int = 0
    times: int | None = None
    """How often the same request may meet a fault; None is however often it comes."""
    answer: Callable[[Body], str] | None = None
    """The text of an answer; by default one made up to fit the schema that is asked for."""
    message: Callable[[Body], Body] | None = None
    """The whole message of an answer, for those that are more or less than a text."""
    status: Callable[[Body], tuple[Any, ...] | None] | None = None
    """A status, an error and perhaps headers for requests that it knows, before any fault."""
    raw: Callable[[Body], bytes | None] | None = None
    """All that follows the head of an answer, for requests that it knows; as events if they are streamed."""
    retry_after: str = "0.05"
    hang_seconds: float = 5.0
    delay: float = 0.0
    usage: bool = True
    finish: str = "stop"


@dataclass(frozen=True)
class Seen:
    """A request as it came in, the names of its headers in small letters."""

    path: str
    body: Body
    headers: dict[str, str]
    fault: Fault | None
    at: float


class FakeServer:
    """What the tests see of the server: its address, what it was asked, and how much at once."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[Seen] = []
        self.most_at_once = 0
        self.closing = threading.Event()
        self._at_once = 0
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def num_requests(self) -> int:
        return len(self.requests)

    @property
    def faults(self) -> Counter[Fault]:
        return Counter(seen.fault for seen in self.requests if seen.fault is not None)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def note(self, path: str, body: Body, headers: dict[str, str], key: str) -> Fault | None:
        with self._lock:
            self._times[key] += 1
            fault = self._draw(key, self._times[key])
            self.requests.append(Seen(path, body, headers, fault, time.monotonic()))
            return fault

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def _draw(self, key: str, times: int) -> Fault | None:
        if self.behaviour.times is not None and times > self.behaviour.times:
            return None
        number = random.Random(f"{self.behaviour.seed}/{key}/{times}").random()
        for fault, share in self.behaviour.faults.items():
            if number < share:
                return fault
            number -= share
        return None


@contextmanager
def serving(behaviour: Behaviour | None = None) -> Iterator[FakeServer]:
    """A running server; its faults may be changed by giving it another `behaviour`."""
    server = FakeServer(behaviour or Behaviour())
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer

    @property
    def fake(self) -> FakeServer:
        assert isinstance(self.server, _Server)
        return self.server.fake

    def log_message(self, format: str, *args: Any) -> None:
        """The tests' output stays their own."""

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        is_json = self.headers["Content-Type"].startswith("application/json")
        body = json.loads(data) if is_json else {"form": data}
        key = hashlib.sha256(data if is_json else self.path.encode()).hexdigest()
        fake = self.fake
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = fake.note(self.path, body, headers, key)
        with fake.counted():
            fake.closing.wait(fake.behaviour.delay)
            known = fake.behaviour.status and fake.behaviour.status(body)
            raw = fake.behaviour.raw and fake.behaviour.raw(body)
            if known:
                self._send(*known)
            elif raw is not None:
                self._send_raw(raw, "text/event-stream" if body.get("stream") else "application/json")
            elif fault is None or not self._fail(fault):
                self._answer(body, fault)

    def _fail(self, fault: Fault) -> bool:
        """Whether the fault was the whole of the answer."""
        behaviour = self.fake.behaviour
        match fault:
            case Fault.RATE_LIMIT:
                self._send(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
            case Fault.RETRY_AFTER:
                self._send(429, {"error": {"message": "later"}}, {"Retry-After": behaviour.retry_after})
            case Fault.SERVER_ERROR:
                self._send(500, {"error": {"message": "out of order"}})
            case Fault.ECHO:
                self._send(400, {"error": {"message": f"bad headers: {dict(self.headers.items())}"}})
            case Fault.HANG:
                self.fake.closing.wait(behaviour.hang_seconds)
                self.close_connection = True
            case Fault.RESET:
                # With a linger of zero, closing sends a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())
                self.close_connection = True
            case _:
                return False
        return True

    def _answer(self, body: Body, fault: Fault | None) -> None:
        behaviour = self.fake.behaviour
        if self.path.startswith("/v1/images/"):
            self._send(200, {"created": 0, "data": [{"b64_json": _picture(body)}]}, fault=fault)
            return
        text = '{"unexpected": true}' if fault is Fault.WRONG_SCHEMA else (behaviour.answer or made_up)(body)
        usage = {"prompt_tokens": 100, "completion_tokens": len(text) // 4, "total_tokens": 0}
        if body.get("stream"):
            self._stream(text, usage, fault)
            return
        message = behaviour.message(body) if behaviour.message else {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message}
        content = {"id": "x", "object": "chat.completion", "created": 0, "model": f"{body['model']}-0613"}
        content["choices"] = [choice | {"finish_reason": behaviour.finish}]
        self._send(200, content | ({"usage": usage} if behaviour.usage else {}), fault=fault)

    def _send(
        self,
        status: int,
        content: Body,
        headers: dict[str, str] | None = None,
        fault: Fault | None = None,
    ) -> None:
        data = json.dumps(content).encode()
        half = data[: len(data) // 2]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(half if fault is Fault.TRUNCATED else data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = self.close_connection or fault is Fault.BROKEN_OFF
        self._write(half if fault in (Fault.TRUNCATED, Fault.BROKEN_OFF) else data, fault)

    def _send_raw(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, text: str, usage: Body, fault: Fault | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        pieces = [text[start : start + 16] for start in range(0, len(text), 16)]
        chunks: list[Body] = [{"delta": {"content": piece}, "finish_reason": None} for piece in pieces]
        chunks.append({"delta": {}, "finish_reason": self.fake.behaviour.finish})
        events = [json.dumps({"id": "x", "model": "m", "choices": [{"index": 0} | c]}) for c in chunks]
        events.append(json.dumps({"id": "x", "model": "m", "choices": [], "usage": usage}))
        if fault in (Fault.TRUNCATED, Fault.BROKEN_OFF):
            events = [*events[:1], events[0][:20]] if fault is Fault.TRUNCATED else events[:1]
        else:
            events.append("[DONE]")
        for event in events:
            self._write(f"data: {event}\n\n".encode(), fault)

    def _write(self, data: bytes, fault: Fault | None) -> None:
        """At once, or byte by byte: then something always comes, and only the whole takes too long."""
        size = 1 if fault is Fault.SLOW_STREAM else len(data)
        for position in range(0, len(data), size):
            self.wfile.write(data[position : position + size])
            self.wfile.flush()
            if fault is Fault.SLOW_STREAM and self.fake.closing.wait(0.02):
                return


def made_up(body: Body) -> str:
    """An answer that fits the schema that is asked for, or any text; the same for the same request."""
    generator = random.Random(json.dumps(body, sort_keys=True))
    asked = body.get("response_format") or {}
    if asked.get("type") != "json_schema":
        return f"An answer, number {generator.randrange(10**9)}."
    schema = asked["json_schema"]["schema"]
    return json.dumps(_fitting(schema, schema.get("$defs", {}), generator))


def _fitting(schema: Body, definitions: Body, generator: random.Random) -> Any:
    if "$ref" in schema:
        return _fitting(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions, generator)
    if "enum" in schema:
        return generator.choice(schema["enum"])
    match schema["type"]:
        case "object":
            return {
                name: _fitting(part, definitions, generator) for name, part in schema["properties"].items()
            }
        case "array":
            number = schema.get("minItems", 2)
            return [_fitting(schema["items"], definitions, generator) for _ in range(number)]
        case "boolean":
            return generator.random() < 0.5
        case "integer" | "number":
            return generator.randrange(100)
        case "string":
            return f"Words of the answer, number {generator.randrange(10**9)}, and a few more of them."
    raise ValueError(f"schema {schema} has a type that the server does not know")


def _picture(body: Body) -> str:
    """A picture whose colour depends on what was asked."""
    asked = body.get("form") or json.dumps(body, sort_keys=True).encode()
    colour = tuple(hashlib.sha256(asked).digest()[:3])
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()
