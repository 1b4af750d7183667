"""The gate before the API: every request passes it, whatever its route, and none is read before it may.

It gives each request its name, asks who sends it, bounds its body and the time it takes, and writes down what
came of it. It is ASGI middleware and knows nothing of models; what a request asks for is the API's to check.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from logging import ERROR
from typing import Any

from irg.serve.callers import Callers, Headers
from irg.serve.journal import request_id, tell
from irg.serve.metrics import Metrics
from irg.serve.refusals import Refused
from irg.serve.tokens import Caller

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every answer."""


@dataclass(frozen=True)
class RequestBounds:
    """What is taken of any request."""

    body_bytes: int = 64 << 20
    body_seconds: float = 60.0
    """For all of a body to arrive."""
    seconds: float = 1800.0
    """For all of a request, its answer included."""


@dataclass
class Gate:
    """Lets requests through to `app`. Its `scope["state"]["caller"]` says whose a request is."""

    app: App
    callers: Callers
    metrics: Metrics
    bounds: RequestBounds = RequestBounds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        passing = _Passing(f"req_{secrets.token_hex(12)}", scope, receive, send, self.bounds)
        mark, started = request_id.set(passing.id), time.perf_counter()
        caller = Caller()
        try:
            caller = self.callers.identify(scope["method"], scope["path"], _headers(scope))
            with self.callers.place(caller):
                await self._through(passing, caller)
        except Refused as refused:
            if refused.headers.get("connection") != "close":
                await passing.drain()
            await passing.refuse(refused)
        except Exception as failure:
            if not passing.is_gone:
                tell("failed", level=ERROR, failure=failure)
                told = f"the server failed; request {passing.id}"
                await passing.refuse(Refused(500, "internal_error", told))
        finally:
            self._note(passing, caller, time.perf_counter() - started)
            request_id.reset(mark)

    async def _through(self, passing: "_Passing", caller: Caller) -> None:
        scope = passing.scope
        scope["state"] = {**scope.get("state", {}), "caller": caller, "request_id": passing.id}
        timer = asyncio.timeout(self.bounds.seconds)
        try:
            async with timer:
                await self.app(scope, passing.receive, passing.send)
        except Exception as failure:
            if timer.expired():
                told = f"the request took more than {self.bounds.seconds:g} s"
                raise Refused(504, "timeout", told) from None
            if passing.refusal is None:
                raise
            raise passing.refusal from failure
        if passing.refusal is not None:
            raise passing.refusal

    def _note(self, passing: "_Passing", caller: Caller, seconds: float) -> None:
        route = getattr(passing.scope.get("route"), "path", None) or "other"
        if passing.is_gone and not passing.is_over:
            passing.reason = "client_gone"
        status = passing.status or 499  # as others write it where nothing was sent
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        if status >= 400 or passing.reason:
            self.metrics.errors.labels(passing.reason or f"status_{status}").inc()
        facts = {"method": passing.scope["method"], "path": passing.scope["path"], "status": status}
        facts |= {"seconds": round(seconds, 4), "token": caller.name}
        facts |= {"bytes_in": passing.bytes_in, "bytes_out": passing.bytes_out}
        if passing.reason:
            facts["reason"] = passing.reason
        tell("request", facts)


@dataclass
class _Passing:
    """One request on its way through: what was read of it, and what was answered."""

    id: str
    scope: Scope
    reading: Receive
    sending: Send
    bounds: RequestBounds
    status: int | None = None
    reason: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    refusal: Refused | None = None
    """Raised into whoever reads the body, who may make another error of it: this one is what is told."""
    _is_read: bool = False
    is_gone: bool = False
    """Who asked has left."""
    is_over: bool = False
    _is_stream: bool = False
    _begun: float = field(default_factory=time.monotonic)

    async def receive(self) -> MutableMapping[str, Any]:
        if self._is_read:
            message = await self.reading()
            self.is_gone = self.is_gone or message["type"] == "http.disconnect"
            return message
        left = self._begun + self.bounds.body_seconds - time.monotonic()
        try:
            async with asyncio.timeout(left):
                message = await self.reading()
        except TimeoutError:
            told = f"the request's body took more than {self.bounds.body_seconds:g} s to arrive"
            raise self._refused(Refused(408, "body_timeout", told, _LEAVING)) from None
        self.bytes_in += len(message.get("body", b""))
        most = self.bounds.body_bytes
        if max(self.bytes_in, _content_length(self.scope)) > most:
            told = f"the request's body is longer than {most:,} bytes"
            raise self._refused(Refused(413, "body_too_large", told, _LEAVING))
        self._is_read = not message.get("more_body", False)
        self.is_gone = message["type"] == "http.disconnect"
        return message

    async def drain(self) -> None:
        """Read what little may be left of the body. A connection that is closed with some of it unread is
        reset, and the answer may be lost with it."""
        if _content_length(self.scope) > _LITTLE:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAINING):
                while not (self._is_read or self.is_gone) and self.bytes_in <= _LITTLE:
                    message = await self.reading()
                    self.bytes_in += len(message.get("body", b""))
                    self._is_read = not message.get("more_body", False)
                    self.is_gone = message["type"] == "http.disconnect"

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if self.refusal is not None and self.status is None:
            return  # what was made of it instead
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *_SAFE, (b"x-request-id", self.id.encode())]
            self._is_stream = any(
                name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                for name, value in headers
            )
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
            self.is_over = not message.get("more_body", False)
        try:
            await self.sending(message)
        except OSError:
            self.is_gone = True
            raise

    async def refuse(self, refused: Refused) -> None:
        """Answer so, or end a stream that has begun with the error; any other answer just breaks off."""
        self.reason, self.refusal = refused.code, None
        if self.status is None:
            headers = [(b"content-type", b"application/json")]
            headers += [(name.encode(), value.encode()) for name, value in refused.headers.items()]
            await self.send({"type": "http.response.start", "status": refused.status, "headers": headers})
            await self.send({"type": "http.response.body", "body": refused.body})
        elif self._is_stream and not self.is_over:
            error = {"type": "error", "code": refused.code, "message": refused.message, "param": None}
            error |= json.loads(refused.body)  # as readers of chats and pictures know one
            body = f"event: error\ndata: {json.dumps(error)}\n\n".encode()
            await self.send({"type": "http.response.body", "body": body})

    def _refused(self, refused: Refused) -> Refused:
        self.refusal = refused
        return refused


_LITTLE, _DRAINING = 65_536, 1.0
"""Bytes of a refused request's body that are read, and seconds that they have to come."""
_LEAVING = {"connection": "close"}
"""The rest of a body is not waited for."""


def _headers(scope: Scope) -> Headers:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _content_length(scope: Scope) -> int:
    told = _headers(scope).get("content-length", ["0"])[0]
    return int(told) if told.isascii() and told.isdigit() else 0
