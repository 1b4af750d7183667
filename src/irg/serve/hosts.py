"""A process with a model as the server sees it: what is sent to it, who is in it, and who listens to what is
told of a request."""

import asyncio
import queue
import time
from dataclasses import dataclass, field
from logging import ERROR
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any
from uuid import uuid4

from irg.serve.journal import request_id, tell
from irg.serve.protocol import Broke, Cancel, Ended, FaultKind, ModelLoaded, Pulse, Said
from irg.serve.refusals import Refused, invalid, later


@dataclass(eq=False)
class Host:
    """A process with a model, while it lives."""

    process: BaseProcess
    connection: Connection
    outgoing: queue.SimpleQueue
    tickets: dict[str, "Listening"] = field(default_factory=dict)
    loaded: ModelLoaded | None = None
    pulse: Pulse | None = None
    heard: float | None = None
    """When something came from it last, in seconds of the monotonic clock; None before its first word."""
    is_hung: bool = False
    """It was ended because nothing came from it."""

    def send(self, message: Any) -> None:
        self.outgoing.put(message)

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing has come from it for so long, though it has begun to speak."""
        return self.heard is not None and time.monotonic() - self.heard > seconds

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        if self.is_hung:
            return "the process that ran the model gave no sign of life, and was ended"
        return f"the process that ran the model has ended ({how})"


class Listening:
    """What is told of a request, up to its end. Raises Refused when it cannot be done. Whoever listens no
    more closes it, which cancels it."""

    def __init__(self, host: Host) -> None:
        self.ticket, self._host = uuid4().hex, host
        self._told: asyncio.Queue[Said] = asyncio.Queue()
        self._is_over = False

    def tell(self, said: Said) -> None:
        self._told.put_nowait(said)

    def __aiter__(self) -> "Listening":
        return self

    async def __anext__(self) -> Said:
        if self._is_over:
            raise StopAsyncIteration
        said = await self._told.get()
        self._is_over = isinstance(said, Ended | Broke)
        if isinstance(said, Broke):
            raise _refused(said)
        return said

    async def aclose(self) -> None:
        self._is_over = True
        if self._host.tickets.pop(self.ticket, None) is not None:
            self._host.send(Cancel(self.ticket))


def _refused(broke: Broke) -> Refused:
    match broke.fault:
        case FaultKind.REFUSED:
            return invalid(broke.words)
        case FaultKind.MEMORY:
            return later(503, "out_of_memory", broke.words, 5)
        case FaultKind.LOST:
            return later(503, "worker_lost", broke.words, 1)
    tell("failed", {"traceback": broke.traceback}, ERROR)
    return Refused(500, "internal_error", f"{broke.words}; request {request_id.get()}")
