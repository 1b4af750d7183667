"""What a request is refused with: a status and an error object as OpenAI's clients read it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(eq=False)
class Refused(Exception):
    """A request that is not answered. `code` is the reason in one word, by which refusals are counted."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    param: str | None = None
    """The parameter that is at fault."""

    def __str__(self) -> str:
        return self.message

    @property
    def body(self) -> bytes:
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> Refused:
    """What was asked for makes no sense, or cannot be done here."""
    return Refused(400, code, message, param=param)


def not_found(message: str, code: str, param: str | None = None) -> Refused:
    """What was named is not here."""
    return Refused(404, code, message, param=param)


def later(status: int, code: str, message: str, seconds: int) -> Refused:
    """Asking again may help, in so many seconds."""
    return Refused(status, code, message, {"retry-after": str(seconds)})
