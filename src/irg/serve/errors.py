"""What goes wrong with a request, in OpenAI's form: a status, a type, a code, the parameter and words."""

from typing import Any

from irg.serve.protocol import Fault

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
_FAULTS = {
    Fault.REFUSED: (400, "invalid_value"),
    Fault.MEMORY: (503, "out_of_memory"),
    Fault.LOST: (503, "worker_lost"),
    Fault.INTERNAL: (500, "internal_error"),
}


class ApiError(Exception):
    """A request that is not done, and why."""

    def __init__(
        self,
        status: int,
        words: str,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`retry_after`: seconds after which asking again may help."""
        super().__init__(words)
        self.status, self.words, self.code, self.param = status, words, code, param
        self.retry_after = retry_after

    @classmethod
    def of(cls, fault: Fault, words: str) -> "ApiError":
        status, code = _FAULTS[fault]
        return cls(status, words, code, retry_after=1 if status == 503 else None)

    @property
    def type(self) -> str:
        return _TYPES.get(self.status, "invalid_request_error")

    def content(self) -> dict[str, Any]:
        """As an answer holds it."""
        return {"error": {"message": self.words, "type": self.type, "param": self.param, "code": self.code}}


def invalid(words: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    return ApiError(400, words, code, param)
