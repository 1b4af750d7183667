"""Why an endpoint gave no usable answer, and keeping keys out of every word of it."""

import os
from enum import StrEnum
from urllib.parse import quote


class NoAnswer(StrEnum):
    """Why there is no answer. The first five are worth another attempt, the last seven end the run."""

    RATE_LIMIT = "rate limited"
    SERVER = "server error"
    TIMEOUT = "timed out"
    CONNECTION = "connection lost"
    MALFORMED = "malformed response"

    INVALID = "answer does not fit the schema"
    CUT = "answer cut short"
    LONG = "answer too long"
    REFUSED = "refused to answer"
    BAD_REQUEST = "request not accepted"

    BUDGET = "budget"
    UNAUTHORIZED = "not authorised"
    NOT_FOUND = "no such model or path"
    QUOTA = "quota used up"
    MOVED = "redirected"
    UNAVAILABLE = "endpoint unavailable"
    ALIKE = "the same answer to all"

    @property
    def retried(self) -> bool:
        return self in _RETRIED

    @property
    def stops_run(self) -> bool:
        """Every further record would fare the same."""
        return self in _STOPPING

    @property
    def unanswered(self) -> bool:
        """The model said nothing at all, which is counted towards giving the endpoint up."""
        return self.retried or self is NoAnswer.BAD_REQUEST


_RETRIED = {NoAnswer.RATE_LIMIT, NoAnswer.SERVER, NoAnswer.TIMEOUT, NoAnswer.CONNECTION, NoAnswer.MALFORMED}
_STOPPING = {
    NoAnswer.BUDGET,
    NoAnswer.UNAUTHORIZED,
    NoAnswer.NOT_FOUND,
    NoAnswer.QUOTA,
    NoAnswer.MOVED,
    NoAnswer.UNAVAILABLE,
    NoAnswer.ALIKE,
}


_MOST_SAID = 120
"""Characters of an answer that an error keeps."""


class EndpointError(Exception):
    """A request that ended without a usable answer, after all attempts that it was worth.

    `said` is the answer that was not usable, of which the beginning is told.
    """

    def __init__(self, reason: NoAnswer, problem: str, said: str = "") -> None:
        self.reason, self.problem, self.said = reason, problem, said
        super().__init__(f"{reason}: {self.detail}" if self.detail else str(reason))

    @property
    def detail(self) -> str:
        begin = " ".join(self.said[:_MOST_SAID].split())
        return f"{self.problem}; it said: {begin}" if begin else self.problem

    def __reduce__(self) -> tuple:
        return type(self), (self.reason, self.problem, self.said[:_MOST_SAID])


class Secret:
    """A key, which nothing prints, and the means to take it out of what others print."""

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def from_environment(cls, name: str | None) -> "Secret | None":
        """The key in the variable of that name. Raises ValueError when it is unset or cannot be a key."""
        if name is None:
            return None
        value = os.environ.get(name, "").strip()
        if not value:
            raise ValueError(f"the environment variable {name}, which key_env names, is not set")
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise ValueError(f"the environment variable {name} holds characters that no key has")
        return cls(value)

    def reveal(self) -> str:
        return self._value

    def redact(self, text: str) -> str:
        for spelling in (self._value, quote(self._value, safe="")):
            text = text.replace(spelling, "[key]")
        return text

    def __repr__(self) -> str:
        return "Secret([key])"

    def __reduce__(self) -> tuple:
        raise TypeError("a key stays in its process: send the name of its environment variable instead")
