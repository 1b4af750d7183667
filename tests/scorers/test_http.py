import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from irg.scorers.http import Answer, ScorerClient, ScorerFailed, ScorerGone, scorer_server
from tests.scorers.serving import running


def serving(**answers: Answer) -> AbstractContextManager[str]:
    return running(
        scorer_server({"name": "mine"}, {f"/{name}": one for name, one in answers.items()}, port=0)
    )


def failing(asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("how") == "wrong":
        raise ValueError("no such thing")
    raise RuntimeError("out of memory")


def test_a_scorer_says_who_it_is_and_answers() -> None:
    with serving(double=lambda asked: {"value": 2 * asked["value"]}) as address:
        client = ScorerClient(address + "/")
        assert client.about == {"name": "mine"}
        assert client.ask("/double", {"value": 21}) == {"value": 42}


def test_what_goes_wrong_is_told_and_the_process_lives_on() -> None:
    with serving(fail=failing) as address:
        client = ScorerClient(address)
        for body, expected in (
            ({"how": "wrong"}, "status 400: no such thing"),
            ({}, "status 500: RuntimeError: out of memory"),
        ):
            with pytest.raises(ScorerFailed, match=expected):
                client.ask("/fail", body)
        with pytest.raises(ScorerFailed, match="status 404: /other: expected / or one of /fail"):
            client.ask("/other", {})
        request = urllib.request.Request(address + "/fail", b"[1]")
        with pytest.raises(urllib.error.HTTPError) as error, urllib.request.urlopen(request):
            pass
        assert json.load(error.value) == {"error": "list: expected a JSON object"}
        error.value.close()
        assert ScorerClient(address).about == {"name": "mine"}


def test_one_question_is_answered_at_a_time() -> None:
    at_work: list[int] = []
    most: list[int] = []

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        at_work.append(1)
        most.append(len(at_work))
        threading.Event().wait(0.02)
        at_work.pop()
        return {}

    with serving(answer=answer) as address:
        client = ScorerClient(address)
        threads = [threading.Thread(target=client.ask, args=("/answer", {})) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1, 1, 1, 1]


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """A server that answers whatever is asked with these bytes, one after the other, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for content in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(content)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def reply(body: bytes, length: int | None = None) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
        length or len(body),
        body,
    )


@pytest.mark.parametrize(
    ("answer", "kind", "expected"),
    [
        (reply(b"{"), ScorerFailed, "not valid JSON"),
        (reply(b"[]"), ScorerFailed, "list, expected a JSON object"),
        (reply(b"{}", length=50), ScorerGone, "no scorer answers at"),
        (b"", ScorerGone, "no scorer answers at"),
    ],
)
def test_what_is_no_answer_is_told(answer: bytes, kind: type[ScorerFailed], expected: str) -> None:
    with saying(reply(b"{}"), answer) as address:
        client = ScorerClient(address)
        with pytest.raises(kind, match=expected):
            client.ask("/", {})


def test_a_scorer_that_takes_too_long_is_told() -> None:
    def wait(asked: dict[str, Any]) -> dict[str, Any]:
        threading.Event().wait(0.5)
        return {}

    with serving(wait=wait) as address, pytest.raises(ScorerFailed, match=r"no answer in 0\.1 s"):
        ScorerClient(address, seconds=0.1).ask("/wait", {})


def test_an_address_without_a_scorer_is_told() -> None:
    with serving() as address:
        pass
    with pytest.raises(ScorerGone, match=f"no scorer answers at {address}"):
        ScorerClient(address)
    with pytest.raises(ValueError, match="localhost:1: expected an address such as"):
        ScorerClient("localhost:1")


def test_a_port_that_is_taken_is_told() -> None:
    with serving() as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(ValueError, match=f"127.0.0.1:{port} cannot be served at"):
            scorer_server({}, {}, port)
    with pytest.raises(ValueError, match="cannot be served at"):
        scorer_server({}, {}, 70_000)
