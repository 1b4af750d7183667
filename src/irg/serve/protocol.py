"""What the server and the process of a model say to each other: values, sent as pickled bytes.

A ticket names a request between the two.
"""

import pickle
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any

from irg.core.events import ThoughtDelta, ThoughtDone
from irg.serve.course import Wanted


@dataclass(frozen=True)
class Submit:
    """To the model's process: a request. `keeps` asks for what it came to, to go on from later."""

    ticket: str
    owner: str
    wanted: Wanted
    footprint: int
    alone: bool
    keeps: bool


@dataclass(frozen=True)
class Cancel:
    """To the model's process: nobody wants it any more."""

    ticket: str


@dataclass(frozen=True)
class Leave:
    """To the model's process: end, at once."""


@dataclass(frozen=True)
class ModelLoaded:
    """From the model's process: it takes requests, with so many bytes for their contexts."""

    budget: int


@dataclass(frozen=True)
class NotLoaded:
    """From the model's process, before it ends: why there is no model in it."""

    words: str


@dataclass(frozen=True)
class Pulse:
    """From the model's process, after a step: how it stands."""

    waiting: int
    running: int
    taken: int
    """Bytes that are promised to those who run."""
    budget: int
    seconds: float
    """That the step took."""


@dataclass(frozen=True)
class Alive:
    """From the model's process, time and again, whatever it is at."""


@dataclass(frozen=True)
class PictureProgress:
    """A picture has come so far; a preview, if there is one, is a PNG."""

    turn: int
    index: int
    total: int
    preview: bytes | None = None


@dataclass(frozen=True)
class PictureDone:
    """The picture of a turn, as PNG. A kept one is that of the turn before, for which it stands too."""

    turn: int
    data: bytes
    num_tokens: int
    """That were drawn."""
    kept: bool = False


@dataclass(frozen=True)
class Ended:
    """The end of a request. `course` is what it came to, pickled, where that was to be kept."""

    num_tokens: int
    """That it holds in all."""
    course: bytes | None = None
    answer: str | None = None
    """The text that a plan's result is, where that is one."""


class FaultKind(StrEnum):
    """Why a request was not done."""

    REFUSED = "refused"
    """By what was asked: it says so itself."""
    MEMORY = "memory"
    LOST = "lost"
    """The process that ran it is gone."""
    INTERNAL = "internal"
    """Our own mistake."""


@dataclass(frozen=True)
class Broke:
    """The end of a request that was not done."""

    fault: FaultKind
    words: str
    traceback: str = ""
    """Of our own mistakes."""


Said = ThoughtDelta | ThoughtDone | PictureProgress | PictureDone | Ended | Broke
"""What is told of a request; `Ended` and `Broke` are the last of it."""


def send(connection: Connection, message: Any) -> None:
    """Tensors travel in the bytes: multiprocessing's own way would hand over files of shared memory."""
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    """Raises EOFError or OSError when the other end is gone."""
    return pickle.loads(connection.recv_bytes())
