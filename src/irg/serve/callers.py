"""Who may send a request, and how many of them: tokens, their limits, and where browsers send from."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from irg.serve.page import PATHS
from irg.serve.refusals import Refused
from irg.serve.tokens import Caller, TokenBook

OPEN = frozenset({*PATHS, "/health", "/ready"})
"""All that is answered without a token, where tokens are asked for; whatever has another path is not."""
_OPEN_METHODS = frozenset({"GET", "HEAD"})
_MINUTE = 60.0
Headers = Mapping[str, list[str]]
"""The values of each header, by its name in small letters."""


def is_loopback(host: str) -> bool:
    """Whether what listens at a host is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass
class Callers:
    """Decides on requests by their path and headers, before their bodies are read.

    Where others reach the server a book always asks for tokens: one whose file is not there, as on another
    machine of a cluster, lets nobody in. Without tokens everybody on this machine may ask. Their browsers
    may be made to ask by any page that they visit, so that what a page of another origin sends is refused,
    and, at a loopback address, what was sent to a name that merely resolves to it.
    """

    book: TokenBook | None
    """None asks for none."""
    is_local: bool
    """Whether the server listens at a loopback address."""
    clock: Callable[[], float] = time.monotonic
    _sent: dict[str, deque[float]] = field(default_factory=dict)
    _running: Counter[str] = field(default_factory=Counter)

    def identify(self, method: str, path: str, headers: Headers) -> Caller:
        """Raises Refused for who may not ask."""
        if path in OPEN and method in _OPEN_METHODS:
            return Caller()
        try:
            is_needed = self.book is not None and (self.book.is_needed or not self.is_local)
        except (OSError, ValueError) as broken:
            raise Refused(503, "tokens_unreadable", "the server cannot read its tokens") from broken
        if self.book is None or not is_needed:
            self._check_origin(headers)
            return Caller()
        token = _bearer(headers)
        caller = self.book.caller(token) if token else None
        if caller is None:
            said = "is not known" if token else "is missing: expected the header Authorization: Bearer TOKEN"
            challenge = {"www-authenticate": "Bearer"}
            raise Refused(401, "invalid_api_key", f"the token {said}", challenge)
        return caller

    @contextmanager
    def place(self, caller: Caller) -> Iterator[None]:
        """Count a request for as long as it is under way. Raises Refused where its token's limits are met."""
        name, limits = caller.name, caller.limits
        if name is None:
            yield
            return
        if limits.concurrent is not None and self._running[name] >= limits.concurrent:
            told = f"{self._running[name]} requests of this token are under way, its limit"
            raise Refused(429, "too_many_at_once", told, {"retry-after": "1"})
        if limits.requests_per_minute is not None:
            self._count(name, limits.requests_per_minute)
        self._running[name] += 1
        try:
            yield
        finally:
            self._running[name] -= 1

    def _count(self, name: str, most: int) -> None:
        sent, now = self._sent.setdefault(name, deque()), self.clock()
        while sent and sent[0] <= now - _MINUTE:
            sent.popleft()
        if len(sent) >= most:
            wait = max(1, math.ceil(sent[0] + _MINUTE - now))
            told = f"{len(sent)} requests of this token came within a minute, its limit: wait {wait} s"
            raise Refused(429, "rate_limit_exceeded", told, {"retry-after": str(wait)})
        sent.append(now)

    def _check_origin(self, headers: Headers) -> None:
        host = headers.get("host", [""])[0]
        if self.is_local and not is_loopback(_place(f"//{host}").hostname or ""):
            raise Refused(421, "wrong_host", f"this server is not {host[:100]!r}, but a loopback address")
        for origin in headers.get("origin", []):
            if _place(origin).netloc != host:
                raise Refused(403, "cross_origin", "pages of other origins may not ask this server")


def _place(address: str) -> SplitResult:
    """The parts of an address; empty ones of what is none."""
    try:
        parts = urlsplit(address)
        _ = parts.hostname
    except ValueError:
        return urlsplit("")
    return parts


def _bearer(headers: Headers) -> str | None:
    """The token of a request; None where there is none, or more than one."""
    values = headers.get("authorization", [])
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
