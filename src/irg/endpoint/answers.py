"""What a server says, read: an answer, or why there is none.

Servers that speak one protocol say the same thing in several ways: an error may stand in what is called a
success, in a list, or under other names; a model that reasons may leave its answer where its reasoning goes.
The openai client checks no types, so this does.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from irg.endpoint.errors import NoAnswer

LONGEST_NAME = 200
"""Characters of a model's name that are kept."""
_MOST_TOKENS = 10**9
"""More than any answer has: what says so is no count."""

_BY_CODE = {
    **dict.fromkeys(
        ("content_filter", "content_policy_violation", "moderation_blocked", "responsibleaipolicyviolation"),
        NoAnswer.REFUSED,
    ),
    "insufficient_quota": NoAnswer.QUOTA,
    "rate_limit_exceeded": NoAnswer.RATE_LIMIT,
    "invalid_api_key": NoAnswer.UNAUTHORIZED,
    "model_not_found": NoAnswer.NOT_FOUND,
}
"""What servers call an error, whatever status they give it. The first that is known counts."""
_BY_STATUS = {
    401: NoAnswer.UNAUTHORIZED,
    402: NoAnswer.QUOTA,
    404: NoAnswer.NOT_FOUND,
    429: NoAnswer.RATE_LIMIT,
    **dict.fromkeys((408, 409, 425), NoAnswer.SERVER),
}


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


@dataclass
class Saying:
    """What a model has said so far, in one piece or many. What is no answer raises AttemptError."""

    text: str = ""
    reasoning: str = ""
    finish: str | None = None
    served: str = ""
    usage: Any = None
    filtered: bool = False

    def take(self, answer: Any, part: str) -> None:
        """Take in a completion, whose choices have a `message`, or a chunk of one, which have a `delta`."""
        check_error(answer)
        self.usage = getattr(answer, "usage", None) or self.usage
        self.served = self.served or str(getattr(answer, "model", None) or "")
        choices = getattr(answer, "choices", None)
        for choice in choices[:1] if isinstance(choices, list) else ():
            check_error(choice)
            said, finish = getattr(choice, part, None), getattr(choice, "finish_reason", None)
            if refusal := getattr(said, "refusal", None):
                raise AttemptError(NoAnswer.REFUSED, str(refusal), served=True)
            self.text += _text(getattr(said, "content", None))
            self.reasoning += _text(
                getattr(said, "reasoning_content", None) or getattr(said, "reasoning", None)
            )
            self.finish = str(finish) if finish else self.finish
            self.filtered = self.filtered or _is_filtered(getattr(choice, "content_filter_results", None))

    def response(self, model: str) -> Response:
        """The whole of it. An answer that was cut before it began is an empty one."""
        if self.finish == "content_filter" or (self.filtered and not self.text.strip()):
            raise AttemptError(NoAnswer.REFUSED, "the endpoint's content filter", served=True)
        if self.finish == "error":
            raise AttemptError(NoAnswer.SERVER, "the answer ended with an error", served=True)
        text = self.text
        if not text.strip():
            text = "" if self.finish == "length" else self.reasoning
        if not text.strip() and self.finish != "length":
            raise AttemptError(NoAnswer.MALFORMED, "an answer without content", served=True)
        if not _is_unicode(text):
            raise AttemptError(NoAnswer.MALFORMED, "the answer holds half of a surrogate pair", served=True)
        served = (self.served or model)[:LONGEST_NAME]
        counts = (_count(self.usage, name) for name in ("prompt_tokens", "completion_tokens"))
        return Response(text, str(self.finish), served, *counts)


def first(response: Any, name: str) -> Any:
    """The one element of a list that an answer has to have. Raises AttemptError."""
    check_error(response)
    items = getattr(response, name, None)
    if not isinstance(items, list) or not items or items[0] is None:
        raise AttemptError(NoAnswer.MALFORMED, f"an answer without {name}", served=True)
    return items[0]


def check_error(answer: Any) -> None:
    """Raises AttemptError for an error that stands in what is called a success."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    found = answer.get("error") if isinstance(answer, dict) else getattr(answer, "error", None)
    if not found and getattr(answer, "object", None) == "error":
        found = {name: getattr(answer, name, None) for name in ("message", "type", "code")}
    if found:
        raise AttemptError(reason_of(found), words_of(found), served=True)


def reason_of(error: Any, status: int | None = None) -> NoAnswer:
    """What an error means: by what it calls itself, then by its status, which it may itself name."""
    codes = list(_codes(error))
    known = next((_BY_CODE[code.lower()] for code in codes if code.lower() in _BY_CODE), None)
    if known is not None:
        return known
    if status is None:
        status = next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)), 500)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return NoAnswer.BAD_REQUEST if 400 <= status < 500 else NoAnswer.SERVER


def words_of(error: Any) -> str:
    """The server's own words for an error."""
    inner = _inner(error)
    if isinstance(inner, dict):
        message = inner.get("message") or inner.get("detail")
        try:
            return message if isinstance(message, str) else json.dumps(inner)
        except RecursionError:
            return "an error of very many levels"
    return str(inner)


def _inner(error: Any) -> Any:
    """An error without the lists and objects that it is wrapped in."""
    while True:
        if isinstance(error, list) and error:
            error = error[0]
        elif isinstance(error, dict) and error.get("error"):
            error = error["error"]
        else:
            return error


def _codes(error: Any) -> Iterator[str]:
    inner = _inner(error)
    while isinstance(inner, dict):
        yield from (str(inner[name]) for name in ("code", "status", "type") if inner.get(name) is not None)
        inner = inner.get("innererror")


def _text(content: Any) -> str:
    """The words of a message, of those in parts the ones that are meant to be read."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _is_filtered(results: Any) -> bool:
    found = results.values() if isinstance(results, dict) else ()
    return any(isinstance(one, dict) and one.get("filtered") is True for one in found)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if is_count else None
