"""One request over the network: the openai client, its answers read and its errors named.

Nothing of the client's own exceptions leaves this file: they hold requests and whatever a server chose to
say, and both may hold the key.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urljoin

from irg.core.picture import Picture
from irg.core.reading import from_base64
from irg.core.settings import shown
from irg.endpoint.answers import AttemptError, Response, Saying, first, reason_of, words_of
from irg.endpoint.errors import NoAnswer, Secret
from irg.endpoint.settings import EndpointSettings

if TYPE_CHECKING:
    from openai import APIStatusError

Result = TypeVar("Result")

DETAIL = 300
"""Characters of a server's message that an error keeps."""

_TRANSPORT = ("httpx", "httpx2", "httpcore", "httpcore2", "anyio")
"""Packages below the client, whose exceptions it lets through now and then."""


class Wire:
    """A client of one endpoint, for one event loop. Reads the key when it is made, and keeps it hidden."""

    def __init__(self, settings: EndpointSettings) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Omit

        self._settings = settings
        self._secret = Secret.from_environment(settings.key_env)
        # What the client would add from the environment by itself was not meant for this address.
        ambient = ("OpenAI-Organization", "OpenAI-Project", *_custom_headers())
        headers: dict[str, str | Omit] = {name: Omit() for name in ambient if name.lower() != "authorization"}
        headers["Accept-Encoding"] = "identity"  # a few compressed bytes may stand for gigabytes
        if self._secret is not None:  # said here, or it would be taken from the environment as well
            headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        self._keyless: dict[str, Any] = {} if self._secret else {"extra_headers": {"Authorization": Omit()}}
        self._client = AsyncOpenAI(
            api_key=self._secret.reveal() if self._secret else "none",
            admin_api_key="",
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=0,
            default_headers=cast("dict[str, str]", headers),
            # Where an address points to, nobody has said that prompts and pictures may go.
            http_client=DefaultAsyncHttpxClient(
                follow_redirects=False, event_hooks={"response": [self._bound]}
            ),
        )

    async def close(self) -> None:
        await self._client.close()

    async def _bound(self, response: Any) -> None:
        """Have an answer end where it is longer than allowed. Raises AttemptError."""
        if (coding := response.headers.get("content-encoding", "identity")) != "identity":
            raise AttemptError(NoAnswer.MALFORMED, f"compressed ({coding}) without being asked", served=True)
        response.stream = _bounded(response.stream, self._settings.most_bytes)

    async def chat(self, body: dict[str, Any]) -> Response:
        """One chat completion. Raises AttemptError."""
        return await self._guarded(self._streamed(body) if self._settings.stream else self._whole(body))

    async def draw(self, body: dict[str, Any], source: Picture | None) -> Response:
        """One picture, drawn anew or from a source. Raises AttemptError."""
        return await self._guarded(self._drawn(body, source))

    async def _whole(self, body: dict[str, Any]) -> Response:
        completion = await self._client.chat.completions.create(**body, **self._keyless)
        first(completion, "choices")
        saying = Saying()
        saying.take(completion, "message")
        return self._cleaned(saying)

    async def _streamed(self, body: dict[str, Any]) -> Response:
        streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        stream = await self._client.chat.completions.create(**body, **streamed, **self._keyless)
        saying = Saying()
        async with stream:
            async for chunk in stream:
                saying.take(chunk, "delta")
        if saying.finish is None:
            raise AttemptError(NoAnswer.MALFORMED, "the stream broke off", served=True)
        return self._cleaned(saying)

    async def _drawn(self, body: dict[str, Any], source: Picture | None) -> Response:
        if source is None:
            response = await self._client.images.generate(**body, **self._keyless)
        else:
            data = await asyncio.to_thread(lambda: Picture.of(source.open()).data)
            file = ("source.png", data, "image/png")
            response = await self._client.images.edit(**body, image=file, **self._keyless)
        drawn = first(response, "data")
        encoded = getattr(drawn, "b64_json", None)
        if not isinstance(encoded, str):
            raise AttemptError(
                NoAnswer.BAD_REQUEST, "the answer holds no image data: set ask_base64", served=True
            )
        return Response(await asyncio.to_thread(_as_png, encoded), "stop", self._settings.model)

    def _cleaned(self, saying: Saying) -> Response:
        answer = saying.response(self._settings.model)
        return replace(answer, content=self._redact(str(answer.content)), served=self._redact(answer.served))

    async def _guarded(self, work: Awaitable[Result]) -> Result:
        """The result within the time allowed, or an AttemptError with no other exception behind it."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await work
        except Exception as error:
            failure = self._named(error)
        raise failure

    def _named(self, error: Exception) -> AttemptError:
        import openai

        if isinstance(error.__cause__, AttemptError):  # the client wraps what ends an answer
            error = error.__cause__
        detail = self._redact(str(error))[:DETAIL]
        match error:
            case AttemptError():
                return AttemptError(error.reason, self._redact(error.detail)[:DETAIL], error.served)
            case TimeoutError() | openai.APITimeoutError():
                return AttemptError(
                    NoAnswer.TIMEOUT, f"no answer in {self._settings.timeout:g} s", served=True
                )
            case openai.APIConnectionError():
                return AttemptError(NoAnswer.CONNECTION, _cause(error, self._redact), served=True)
            case openai.APIStatusError():
                return self._refused(error)
            case json.JSONDecodeError():
                begin = shown(self._redact(error.doc)[:DETAIL])
                return AttemptError(NoAnswer.MALFORMED, f"no JSON but {begin} ({error.msg})", served=True)
            # RecursionError: JSON of very many levels
            case openai.APIResponseValidationError() | ValueError() | RecursionError():
                return AttemptError(NoAnswer.MALFORMED, f"{type(error).__name__}: {detail}", served=True)
            case openai.APIError():  # an error in the middle of a stream
                words = self._redact(words_of(error.body) if error.body else str(error))
                return AttemptError(reason_of(error.body), words[:DETAIL], served=True)
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _TRANSPORT:
            return AttemptError(NoAnswer.CONNECTION, f"{type(error).__name__}: {detail}", served=True)
        raise error

    def _refused(self, error: "APIStatusError") -> AttemptError:
        """What a status that is no success means, in the server's own words."""
        status, headers = error.status_code, error.response.headers
        if 300 <= status < 400:
            place = urljoin(self._settings.base_url, headers.get("location", "")).partition("?")[0]
            there = f"it points to {self._redact(place)}"
            words = f"{there}, which is not followed: name it as base_url if it is meant"
            return AttemptError(NoAnswer.MOVED, words[:DETAIL], served=False)
        words = self._redact(words_of(error.body) if error.body else str(error))
        detail, wait = f"HTTP {status}: {words}"[:DETAIL], _retry_after(headers)
        return AttemptError(reason_of(error.body, status), detail, served=False, retry_after=wait)

    def _redact(self, text: str) -> str:
        """What a server says without the key, and as text that can be stored: surrogates have no encoding."""
        text = text.encode(errors="replace").decode()
        return self._secret.redact(text) if self._secret else text


def _bounded(stream: Any, most: int) -> Any:
    """The stream of a response, of whatever library, which ends in an AttemptError after so many bytes."""

    class Bounded(type(stream)):
        def __init__(self) -> None:
            """Another's is read, and closed."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            taken = 0
            async for piece in stream:
                taken += len(piece)
                if taken > most:
                    raise AttemptError(NoAnswer.LONG, f"more than {most:,} bytes (most_bytes)", served=True)
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()


def _as_png(encoded: str) -> bytes:
    """Base64 of any image as the bytes of a PNG, the same bytes if it is one already.

    Raises ValueError when it is no whole image.
    """
    picture = Picture(from_base64(encoded, "the answer's image"))
    image = picture.open()
    return picture.data if picture.kind == "png" else Picture.of(image).data


def _custom_headers() -> list[str]:
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
    return [line.partition(":")[0].strip() for line in lines if ":" in line]


def _retry_after(headers: Any) -> float | None:
    """Seconds that the server asks to wait: a number, or the date that HTTP also allows."""
    milliseconds, after = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if after is None else max(0.0, float(after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(after or "").timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _cause(error: Exception, redact: Callable[[str], str]) -> str:
    cause = error.__cause__
    return f"{type(cause).__name__}: {redact(str(cause))[:DETAIL]}" if cause else redact(str(error))[:DETAIL]
