import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from irg.core.reading import ImageError
from irg.serve.remote import RemotePictures, is_public

PICTURE = b"\x89PNG and so on"


class Elsewhere(BaseHTTPRequestHandler):
    """What others serve: a picture, redirects, and what never ends."""

    def do_GET(self) -> None:
        asked[self.path] = self.headers["Host"]
        match self.path:
            case "/picture?of=fox":
                self._answer(200, PICTURE)
            case "/there":
                self._answer(302, b"", "/picture?of=fox")
            case "/inside":
                self._answer(302, b"", f"http://127.0.0.2:{self.server.server_address[1]}/secret")
            case "/round":
                self._answer(301, b"", "/round")
            case "/file":
                self._answer(301, b"", "file:///etc/passwd")
            case "/long":
                self._answer(200, b"x" * 5000)
            case "/slow" | "/slow-head":
                self._drip(self.path)
            case _:
                self._answer(404, b"")

    def _answer(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, path: str) -> None:
        """Always within any time for a single read."""
        if path == "/slow":
            self.send_response(200)
            self.end_headers()
        try:
            while not ended.is_set():
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


asked: dict[str, str] = {}
ended = threading.Event()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


LOCAL = RemotePictures(
    most_bytes=2000,
    is_allowed=lambda address: str(address) == "127.0.0.1",
    resolve=lambda host, port: ["127.0.0.1"] if host.endswith(".example") else [host],
)


def refusal(pictures: RemotePictures, url: str) -> str:
    with pytest.raises(ImageError) as refused:
        pictures.fetch(url)
    return str(refused.value)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *[("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True)],
        *[("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False)],
        *[("169.254.169.254", False), ("0.0.0.0", False), ("100.64.0.1", False), ("224.0.0.1", False)],
        *[("240.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False)],
        *[("fe80::1", False), ("fc00::1", False), ("ff0e::1", False), ("::ffff:127.0.0.1", False)],
        *[
            ("::ffff:10.0.0.1", False),
            ("64:ff9b::7f00:1", False),
            ("2002:7f00:1::", False),
            ("64:ff9b:1::1", False),
        ],
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


def test_a_picture_comes_from_the_host_that_was_named(port: int) -> None:
    assert LOCAL.fetch(f"http://pictures.example:{port}/picture?of=fox") == PICTURE
    assert asked["/picture?of=fox"] == f"pictures.example:{port}"
    assert LOCAL.fetch(f"http://pictures.example:{port}/there") == PICTURE


def test_the_servers_own_network_is_out_of_reach(port: int) -> None:
    usual = RemotePictures()
    for host in (
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "127.1",
        "0x7f000001",
        "2130706433",
        "169.254.169.254",
    ):
        assert "no public address" in refusal(usual, f"http://{host}:{port}/picture?of=fox"), host
    assert "no public address" in refusal(LOCAL, f"http://pictures.example:{port}/inside")
    assert "/secret" not in asked


def test_one_private_address_among_public_ones_is_enough_to_refuse(port: int) -> None:
    mixed = RemotePictures(is_allowed=LOCAL.is_allowed, resolve=lambda host, port: ["127.0.0.1", "10.0.0.1"])
    assert "no public address" in refusal(mixed, f"http://pictures.example:{port}/picture?of=fox")


def test_the_address_that_was_checked_is_the_one_that_is_asked(port: int) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    changing = RemotePictures(is_allowed=LOCAL.is_allowed, resolve=lambda host, port: next(answers))
    assert changing.fetch(f"http://pictures.example:{port}/picture?of=fox") == PICTURE
    assert "no public address" in refusal(changing, f"http://pictures.example:{port}/picture?of=fox")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/no-such", "status 404"),
        ("/long", "longer than 2,000 bytes"),
        ("/round", "redirects more than 3 times"),
        ("/file", "expected http:// or https://"),
    ],
)
def test_what_is_no_picture_to_be_had(port: int, path: str, said: str) -> None:
    assert said in refusal(LOCAL, f"http://pictures.example:{port}{path}")


@pytest.mark.parametrize("path", ["/slow", "/slow-head"])
def test_what_comes_drop_by_drop_is_not_waited_for(port: int, path: str) -> None:
    hasty = RemotePictures(seconds=0.5, is_allowed=LOCAL.is_allowed, resolve=LOCAL.resolve)
    assert "more than 0.5 s" in refusal(hasty, f"http://pictures.example:{port}{path}")


def test_the_time_of_a_redirect_is_not_begun_again(port: int) -> None:
    def late(host: str, port: int) -> list[str]:
        if host == "second.example":
            time.sleep(0.6)
        return ["127.0.0.1"]

    hasty = RemotePictures(seconds=0.5, is_allowed=LOCAL.is_allowed, resolve=late)
    began = time.monotonic()
    assert "more than 0.5 s" in refusal(hasty, f"http://second.example:{port}/slow")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.example/x",
        "http://",
        "http://u:p@a.example/",
        "http://a.example:x/",
        "http://[",
        "http://a.example/a b",
        "http://a.example/\r\nHost: b",
        "file:///etc/passwd",
        "//a.example/x",
        "http://ä.example/",
    ],
)
def test_what_is_no_address(url: str) -> None:
    assert "cannot be had" in refusal(LOCAL, url)


def test_nobody_answers() -> None:
    assert "gives no answer" in refusal(LOCAL, "http://pictures.example:1/x")
