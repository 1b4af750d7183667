import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from irg.core.events import ThoughtDelta
from irg.serve.protocol import Ended, PictureDone, PictureProgress, Said
from irg.serve.refusals import Refused
from irg.serve.streams import Streamed, _taken, encoded, event, refusal


class Words:
    """A writer whose stream is the words that are told."""

    def begin(self) -> Iterable[bytes]:
        return (b"begin ",)

    def take(self, said: Said) -> Iterable[bytes]:
        assert isinstance(said, ThoughtDelta)
        return (said.text.encode(),)

    def fail(self, error: Refused) -> Iterable[bytes]:
        return (f"failed: {error}".encode(),)

    def whole(self) -> dict[str, Any]:
        return {}


class Source:
    """Tells words, some after a while; an exception is raised."""

    def __init__(self, *told: str | float | Exception) -> None:
        self.told, self.is_closed = list(told), False

    def __aiter__(self) -> AsyncIterator[Said]:
        return self

    async def __anext__(self) -> Said:
        while self.told:
            match self.told.pop(0):
                case str(text):
                    return ThoughtDelta(1, text)
                case float(seconds):
                    await asyncio.sleep(seconds)
                case Exception() as error:
                    raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.is_closed = True


def streamed(source: Source, keep_alive: float = 60.0, leaves_after: float = 60.0) -> str:
    """What is sent of it to a client that leaves after some seconds."""
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(leaves_after)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    response = Streamed(source, Words(), keep_alive)  # pyright: ignore[reportArgumentType]
    asyncio.run(response({"type": "http"}, receive, send))
    return b"".join(sent).decode()


def test_what_is_told_is_sent_up_to_its_end() -> None:
    source = Source("a ", "star")
    assert streamed(source) == "begin a star" and source.is_closed


def test_pictures_are_encoded_while_others_are_answered() -> None:
    """In a thread of their own; words are said at once."""
    threads: list[bool] = []

    class Watched(Words):
        def take(self, said: Said) -> Iterable[bytes]:
            threads.append(threading.current_thread() is threading.main_thread())
            return (b".",)

    told: list[Said] = [ThoughtDelta(1, "a"), PictureProgress(1, 1, 2), PictureProgress(1, 2, 2, b"png")]
    told += [PictureDone(1, b"png", 4), Ended(9)]

    async def taken() -> list[bytes]:
        return [piece for said in told for piece in await _taken(Watched(), said)]

    assert asyncio.run(taken()) == [b"."] * 5
    assert threads == [True, True, False, False, False]


def test_silence_is_broken_by_comments_and_nothing_is_lost() -> None:
    said = streamed(Source("a", 0.5, "b"), keep_alive=0.1)
    assert said.startswith("begin a: still at work\n\n") and said.endswith("b")
    assert 3 <= said.count(": still at work") <= 5


def test_an_error_on_the_way_is_told_in_the_stream() -> None:
    assert streamed(Source("a ", Refused(503, "worker_lost", "gone"))) == "begin a failed: gone"


def test_who_leaves_ends_it_at_once() -> None:
    source = Source("a", 30.0, "b")
    assert streamed(source, leaves_after=0.2) == "begin a" and source.is_closed


def test_who_can_be_sent_nothing_ends_it_too() -> None:
    source = Source("a")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise OSError("gone")

    response = Streamed(source, Words(), 60.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(OSError, match="gone"):
        asyncio.run(response({"type": "http"}, receive, send))
    assert source.is_closed


def test_any_text_can_be_sent() -> None:
    text = 'a\ud800 "é" \u2028'
    assert json.loads(encoded({"text": text})) == {"text": text}
    assert event({"text": "a\nb"}, "it") == b'event: it\ndata: {"text":"a\\nb"}\n\n'


def test_numbers_that_are_none_are_no_json() -> None:
    with pytest.raises(ValueError):
        encoded(float("nan"))


def test_a_refusal_keeps_its_status_and_headers() -> None:
    response = refusal(Refused(429, "queue_full", "full", {"retry-after": "5"}, "input"))
    assert response.status_code == 429 and response.headers["retry-after"] == "5"
    assert json.loads(bytes(response.body))["error"]["param"] == "input"
