"""One request over the network: the openai client, its answers read and its errors named.

Nothing of the client's own exceptions leaves this file: they hold requests and whatever a server chose to
say, and both may hold the key.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

from irg.core.picture import Picture
from irg.core.reading import from_base64
from irg.endpoint.errors import NoAnswer, Secret
from irg.endpoint.settings import EndpointSettings

Result = TypeVar("Result")

DETAIL = 300
"""Characters of a server's message that an error keeps."""


_TRANSPORT = ("httpx", "httpx2", "httpcore", "httpcore2", "anyio")
"""Packages below the client, whose exceptions it lets through now and then."""


class AttemptError(Exception):
    """One attempt without a result. `served` when the server may have done, and charged, its work."""

    def __init__(self, reason: NoAnswer, detail: str, served: bool, retry_after: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.served, self.retry_after = reason, detail, served, retry_after


@dataclass(frozen=True)
class Response:
    """What a model said, or the PNG that it drew; token counts are None where the server gives none."""

    content: str | bytes
    finish: str
    served: str
    tokens_in: int | None = None
    tokens_out: int | None = None


class Wire:
    """A client of one endpoint, for one event loop. Reads the key when it is made, and keeps it hidden."""

    def __init__(self, settings: EndpointSettings) -> None:
        from openai import AsyncOpenAI, Omit

        self._settings = settings
        self._secret = Secret.from_environment(settings.key_env)
        # What the client would add from the environment by itself was not meant for this address.
        ambient = ("OpenAI-Organization", "OpenAI-Project", *_custom_headers())
        headers: dict[str, str | Omit] = {name: Omit() for name in ambient if name.lower() != "authorization"}
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
        )

    async def close(self) -> None:
        await self._client.close()

    async def chat(self, body: dict[str, Any]) -> Response:
        """One chat completion. Raises AttemptError."""
        return await self._guarded(self._streamed(body) if self._settings.stream else self._whole(body))

    async def draw(self, body: dict[str, Any], source: Picture | None) -> Response:
        """One picture, drawn anew or from a source. Raises AttemptError."""
        return await self._guarded(self._drawn(body, source))

    async def _whole(self, body: dict[str, Any]) -> Response:
        completion = await self._client.chat.completions.create(**body, **self._keyless)
        choice = _first(completion, "choices")
        message, usage = getattr(choice, "message", None), getattr(completion, "usage", None)
        refusal = getattr(message, "refusal", None)
        if refusal:
            raise AttemptError(NoAnswer.REFUSED, str(refusal), served=True)
        content = getattr(message, "content", None)
        return self._said(content, getattr(choice, "finish_reason", None), completion, usage)

    async def _streamed(self, body: dict[str, Any]) -> Response:
        streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        stream = await self._client.chat.completions.create(**body, **streamed, **self._keyless)
        pieces: list[str] = []
        finish = usage = chunk = None
        async with stream:
            async for chunk in stream:
                usage = getattr(chunk, "usage", None) or usage
                choices = getattr(chunk, "choices", None)
                for choice in choices if isinstance(choices, list) else ():
                    delta = getattr(choice, "delta", None)
                    if refusal := getattr(delta, "refusal", None):
                        raise AttemptError(NoAnswer.REFUSED, str(refusal), served=True)
                    pieces.append(getattr(delta, "content", None) or "")
                    finish = getattr(choice, "finish_reason", None) or finish
        if finish is None:
            raise AttemptError(NoAnswer.MALFORMED, "the stream broke off", served=True)
        return self._said("".join(pieces), finish, chunk, usage)

    async def _drawn(self, body: dict[str, Any], source: Picture | None) -> Response:
        if source is None:
            response = await self._client.images.generate(**body, **self._keyless)
        else:
            data = await asyncio.to_thread(lambda: Picture.of(source.open()).data)
            file = ("source.png", data, "image/png")
            response = await self._client.images.edit(**body, image=file, **self._keyless)
        drawn = _first(response, "data")
        encoded = getattr(drawn, "b64_json", None)
        if not isinstance(encoded, str):
            raise AttemptError(
                NoAnswer.BAD_REQUEST, "the answer holds no image data: set ask_base64", served=True
            )
        return Response(await asyncio.to_thread(_as_png, encoded), "stop", self._settings.model)

    def _said(self, content: Any, finish: Any, completion: Any, usage: Any) -> Response:
        if finish == "content_filter":
            raise AttemptError(NoAnswer.REFUSED, "the endpoint's content filter", served=True)
        if not isinstance(content, str) or not (content.strip() or finish == "length"):
            raise AttemptError(NoAnswer.MALFORMED, "an answer without content", served=True)
        return Response(
            self._redact(content),
            str(finish),
            self._redact(str(getattr(completion, "model", None) or self._settings.model)),
            _count(usage, "prompt_tokens"),
            _count(usage, "completion_tokens"),
        )

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
                reason = _reason_of(error.status_code, error.code)
                return AttemptError(
                    reason, detail, served=False, retry_after=_retry_after(error.response.headers)
                )
            case openai.APIResponseValidationError() | ValueError():
                return AttemptError(NoAnswer.MALFORMED, f"{type(error).__name__}: {detail}", served=True)
            case openai.APIError():  # an error in the middle of a stream
                return AttemptError(NoAnswer.SERVER, detail, served=True)
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _TRANSPORT:
            return AttemptError(NoAnswer.CONNECTION, f"{type(error).__name__}: {detail}", served=True)
        raise error

    def _redact(self, text: str) -> str:
        return self._secret.redact(text) if self._secret else text


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


def _first(response: Any, name: str) -> Any:
    """The one element of a list that an answer has to have. The client checks no types, so this does."""
    items = getattr(response, name, None)
    if not isinstance(items, list) or not items or items[0] is None:
        raise AttemptError(NoAnswer.MALFORMED, f"an answer without {name}", served=True)
    return items[0]


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and value >= 0 else None


def _reason_of(status: int, code: str | None) -> NoAnswer:
    if code == "insufficient_quota" or status == 402:
        return NoAnswer.QUOTA
    named = {401: NoAnswer.UNAUTHORIZED, 404: NoAnswer.NOT_FOUND, 429: NoAnswer.RATE_LIMIT}
    if status in named:
        return named[status]
    return NoAnswer.SERVER if status >= 500 or status in (408, 409, 425) else NoAnswer.BAD_REQUEST


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
    except ValueError:
        return None


def _cause(error: Exception, redact: Callable[[str], str]) -> str:
    cause = error.__cause__
    return f"{type(cause).__name__}: {redact(str(cause))[:DETAIL]}" if cause else redact(str(error))[:DETAIL]
