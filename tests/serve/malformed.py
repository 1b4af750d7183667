"""Requests that nobody meant: bodies that are almost right, in every route that takes one.

`python -m tests.serve.malformed --count 10000` sends so many to a server of the small model, from several
threads, and says how they were answered; a status of 500 or more is a failure.
"""

import argparse
import json
import random
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Request = tuple[str, bytes, str]
"""Route, body and content type."""
_SMALL = {"turns": 1, "steps": 1, "thinking": False}
_GOOD: dict[str, dict[str, Any]] = {
    "/v1/responses": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "a star"}]}],
        "tools": [{"type": "image_generation", "size": "32x32"}],
        **_SMALL,
    },
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "a star"}], **_SMALL},
    "/v1/images/generations": {"prompt": "a star", "size": "32x32", "n": 1, **_SMALL},
}
_ODD = (
    None,
    True,
    -1,
    0,
    1e400,
    10**40,
    "",
    "\ud800",
    "a" * 5000,
    [],
    {},
    [[]],
    {"": {}},
    "data:image/png;base64,AAAA",
)


def malformed(rng: random.Random) -> Request:
    """One of them."""
    route = rng.choice([*_GOOD])
    kind = rng.choice((_with_another_value, _with_another_key, _cut, _with_other_bytes, _deep, _form))
    return kind(rng, route, json.loads(json.dumps(_GOOD[route])))


def _sent(route: str, content: Any) -> Request:
    return route, json.dumps(content).encode(), "application/json"


def _with_another_value(rng: random.Random, route: str, content: Any) -> Request:
    place, key = rng.choice(list(_places(content)))
    place[key] = rng.choice(_ODD)
    return _sent(route, content)


def _with_another_key(rng: random.Random, route: str, content: Any) -> Request:
    place, key = rng.choice([one for one in _places(content) if isinstance(one[0], dict)])
    place[rng.choice(("nonsense", "", "\ud800", key + "s", key[1:]))] = place.pop(key)
    return _sent(route, content)


def _cut(rng: random.Random, route: str, content: Any) -> Request:
    body = _sent(route, content)[1]
    return route, body[: rng.randrange(len(body))], "application/json"


def _with_other_bytes(rng: random.Random, route: str, content: Any) -> Request:
    body = bytearray(_sent(route, content)[1])
    for _ in range(rng.randint(1, 8)):
        body[rng.randrange(len(body))] = rng.randrange(256)
    return route, bytes(body), rng.choice(("application/json", "text/plain", "x"))


def _deep(rng: random.Random, route: str, content: Any) -> Request:
    opened = rng.choice(("[", '{"input":', '{"a":[')) * rng.choice((10, 1000, 50_000))
    return route, opened.encode(), "application/json"


def _form(rng: random.Random, route: str, content: Any) -> Request:
    """Pictures and fields of an edit that are none, in a form that may be broken."""
    fields = [("prompt", b"a star"), ("image", b"no picture"), ("turns", b"1"), ("guidance[interval]", b"x")]
    rng.shuffle(fields)
    body = b""
    for name, value in fields[: rng.randint(0, 4)]:
        file = b'; filename="a.png"' if rng.random() < 0.5 else b""
        body += b'--b\r\ncontent-disposition: form-data; name="' + name.encode() + b'"' + file
        body += b"\r\n\r\n" + value + b"\r\n"
    body += rng.choice((b"--b--\r\n", b"--b", b""))
    return "/v1/images/edits", body, rng.choice(("multipart/form-data; boundary=b", "multipart/form-data"))


def _places(content: Any) -> Any:
    """Every value within: what holds it, and its key."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(items):
        yield content, key
        if isinstance(value, dict | list):
            yield from _places(value)


def status_of(address: str, request: Request) -> int:
    """The status that it is answered with. Raises AssertionError for an error of another form."""
    route, body, kind = request
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address + route, body, {"content-type": kind}), timeout=300
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        error = json.load(refused)["error"]
        assert error["message"] and error["code"] and error["type"], error
        return refused.code


def statuses(ask: Callable[[Request], int], count: int, seed: int, threads: int = 4) -> Counter[int]:
    """How so many of them are answered."""
    rng = random.Random(seed)
    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(ask, [malformed(rng) for _ in range(count)]))


def main() -> None:
    from irg.pipeline.load import NamedCheckpoint
    from irg.serve.app import make_app
    from irg.serve.service import Service
    from tests.data.small import write_checkpoint
    from tests.serve.servers import eventually, serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = Service([NamedCheckpoint(str(write_checkpoint(Path(folder) / "small")), "cpu")])
        with serving(make_app(service)) as address:
            eventually(lambda: service.is_ready, 300)
            found = statuses(lambda request: status_of(address, request), asked.count, asked.seed)
            eventually(lambda: service.num_requests == 0)
    print(dict(sorted(found.items())))
    if any(status >= 500 for status in found) or service.num_lost:
        raise SystemExit("the server failed")


if __name__ == "__main__":
    main()
