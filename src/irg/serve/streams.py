"""Answers as they are sent: whole, or as server-sent events; both end at once when their reader leaves."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from irg.serve.metrics import Timed
from irg.serve.protocol import Ended, PictureDone, PictureProgress, Said
from irg.serve.refusals import Refused

Result = TypeVar("Result")


class Writer(Protocol):
    """Makes an answer of what the engine tells, in one of the forms."""

    def begin(self) -> Iterable[bytes]:
        """What a stream begins with."""
        ...

    def take(self, said: Said) -> Iterable[bytes]:
        """What a stream says of it."""
        ...

    def fail(self, error: Refused) -> Iterable[bytes]:
        """What a stream says before it breaks off."""
        ...

    def whole(self) -> dict[str, Any]:
        """The answer, when all is told."""
        ...


def encoded(content: Any) -> bytes:
    """JSON in ASCII: whatever text a model or a user came up with, it can be sent."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def event(content: dict[str, Any], name: str | None = None) -> bytes:
    """A server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encoded(content) + b"\n\n"


class Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return encoded(content)


def refusal(refused: Refused) -> Response:
    return Response(refused.body, refused.status, refused.headers, "application/json")


async def unless_left(request: Request, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What comes of the work; None, with the work cancelled, once the client has left."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request.receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def answered(
    request: Request, works: Sequence[tuple[Timed, Writer]], whole: Callable[[], dict[str, Any]]
) -> Response:
    """The whole answer, once all of the works are done."""

    async def work() -> dict[str, Any]:
        async with asyncio.TaskGroup() as group:
            for telling, writer in works:
                group.create_task(_written(telling, writer))
        return await asyncio.to_thread(whole)

    try:
        content = await unless_left(request, work())
    except* Refused as refused:
        raise refused.exceptions[0] from None
    return Response(status_code=499) if content is None else Json(content)


async def _written(telling: Timed, writer: Writer) -> None:
    async with aclosing(telling):
        async for said in telling:
            for _ in await _taken(writer, said):
                pass


async def _taken(writer: Writer, said: Said) -> Iterable[bytes]:
    """What a writer makes of it; of a picture, which may be encoded anew, in a thread: others are answered
    meanwhile."""
    has_preview = isinstance(said, PictureProgress) and said.preview is not None
    if has_preview or isinstance(said, PictureDone | Ended):
        return await asyncio.to_thread(lambda: list(writer.take(said)))
    return writer.take(said)


class Streamed(Response):
    """The answer as events, with a comment whenever nothing was said for some seconds."""

    media_type = "text/event-stream"

    def __init__(self, told: Timed, writer: Writer, keep_alive: float) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self.told, self.writer, self.keep_alive = told, writer, keep_alive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self.told.aclose()  # also where nothing of it could be sent

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            for piece in self.writer.begin():
                await send(_body(piece))
            async for said in _with_pauses(self.told, self.keep_alive):
                waiting = (b": still at work\n\n",)
                for piece in waiting if said is None else await _taken(self.writer, said):
                    await send(_body(piece))
        except Refused as error:
            for piece in self.writer.fail(error):
                await send(_body(piece))
        await send(_body(b"", more=False))


async def _with_pauses(told: Timed, seconds: float) -> AsyncIterator[Said | None]:
    """What is told, and None whenever nothing was for so long."""
    coming: asyncio.Future | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(told))
            done, _ = await asyncio.wait((coming,), timeout=seconds)
            if not done:
                yield None
                continue
            try:
                said = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield said
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(piece: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}
