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

    def __str__(self) -> str:
        return self.message

    @property
    def body(self) -> bytes:
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return json.dumps({"error": error}).encode()
