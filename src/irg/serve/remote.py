"""Pictures at addresses elsewhere, fetched for a request: off unless the server was started so.

Whoever may name an address could have the server ask its own network for them. So every address that a name
resolves to must be a public one, the connection goes to the very address that was checked and not to what
the name resolves to a moment later, and a redirect is another name to be checked. Size and time are bounded.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from irg.core.reading import ImageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSLATED = ipaddress.ip_network("64:ff9b::/32")
"""What gateways translate to IPv4, private addresses too."""
_PIECE = 1 << 16


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's, and leads nowhere else from there."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None or address in _TRANSLATED:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolved(host: str, port: int) -> list[str]:
    """All addresses of a name. Raises OSError for one that has none."""
    return list(
        dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    )


@dataclass(frozen=True)
class RemotePictures:
    """How pictures are fetched, and from where."""

    most_bytes: int = 20 << 20
    seconds: float = 10.0
    """For a picture with all its redirects."""
    redirects: int = 3
    is_allowed: Callable[[Address], bool] = is_public
    resolve: Callable[[str, int], list[str]] = resolved

    def fetch(self, url: str) -> bytes:
        """What lies at an address. Raises ImageError, without a word on what the server's network is like."""
        with _Deadline(self.seconds) as deadline:
            for _ in range(self.redirects + 1):
                found = self._visit(url, deadline)
                if isinstance(found, bytes):
                    return found
                url = found
        raise _refused(url, f"it redirects more than {self.redirects} times")

    def _visit(self, url: str, deadline: "_Deadline") -> bytes | str:
        """The picture at an address, or the address that it redirects to."""
        parts = _parts(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._checked(url, parts.hostname or "", port)
        try:
            with _connected(parts, (address, port), deadline) as connection:
                path = parts.path or "/"
                connection.request("GET", f"{path}?{parts.query}" if parts.query else path)
                with connection.getresponse() as answer:
                    if answer.status in _REDIRECTS and (target := answer.headers.get("location")):
                        return urljoin(url, target)
                    if answer.status != 200:
                        raise _refused(url, f"it answers with status {answer.status}")
                    return self._read(url, answer, deadline)
        except ImageError:
            raise
        except (OSError, ValueError, http.client.HTTPException) as broken:
            told = f"it took more than {self.seconds:g} s" if deadline.is_over else "it gives no answer"
            raise _refused(url, told) from broken

    def _checked(self, url: str, host: str, port: int) -> str:
        """The address to connect to."""
        try:
            addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in self.resolve(host, port)]
        except (OSError, ValueError):
            addresses = []
        if not addresses or not all(map(self.is_allowed, addresses)):
            raise _refused(url, "its host has no public address")
        return str(addresses[0])

    def _read(self, url: str, answer: http.client.HTTPResponse, deadline: "_Deadline") -> bytes:
        data = bytearray()
        while piece := answer.read(_PIECE):
            data += piece
            if len(data) > self.most_bytes:
                raise _refused(url, f"it is longer than {self.most_bytes:,} bytes")
        if deadline.is_over:  # which looks like the end of a picture of unknown length
            raise _refused(url, f"it took more than {self.seconds:g} s")
        return bytes(data)


class _Deadline:
    """Ends whatever a connection waits for, however slowly it goes on, when the time is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.is_over = seconds, False
        self.connection: socket.socket | None = None
        """That is being waited for."""
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, connection: socket.socket) -> None:
        """Let this be what is ended. Raises TimeoutError when the time was over before."""
        self.connection = connection
        if self.is_over:
            raise TimeoutError

    def _end(self) -> None:
        self.is_over = True
        if (connection := self.connection) is not None:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def _connected(
    parts: SplitResult, place: tuple[str, int], deadline: _Deadline
) -> Iterator[http.client.HTTPConnection]:
    """A connection to this very place, which is asked for the host of the address."""
    host = parts.hostname or ""
    connection = http.client.HTTPConnection(host, place[1], timeout=deadline.seconds)
    plain = socket.create_connection(place, timeout=deadline.seconds)
    try:
        connection.sock = plain
        deadline.watch(plain)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            secure = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
            connection.sock = plain = secure
            deadline.watch(secure)
            secure.do_handshake()
            connection.default_port = http.client.HTTPS_PORT  # which is not said in the header Host
        yield connection
    finally:
        deadline.connection = None
        plain.close()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as broken:
        raise _refused(url, f"it is no address: {broken}") from broken
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise _refused(url, "expected http:// or https:// and a host, without a user's name")
    if any(sign <= " " or sign > "~" for sign in url):
        raise _refused(url, "it holds characters that must be escaped in an address")
    return parts


def _refused(url: str, why: str) -> ImageError:
    return ImageError(f"the picture at {url[:200]!r} cannot be had: {why}")
