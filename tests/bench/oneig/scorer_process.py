"""A process that embeds, on a real socket: its values follow from the bytes of the pictures."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ABOUT: dict[str, Any] = {
    "identity": {"name": "made up", "revision": "1"},
    "dimensions": ["style", "reasoning", "diversity"],
}


class ScorerProcess:
    """What the tests see of it: its address, what it was asked, and what it answers instead of a value."""

    def __init__(self, about: Any) -> None:
        self.about = about
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.instead: tuple[int, bytes] | None = None
        process = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                """The tests' output stays their own."""

            def do_GET(self) -> None:
                self._send(200, json.dumps(process.about).encode())

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                process.asked.append((self.path, body))
                self._send(
                    *(process.instead or (200, json.dumps({"value": value(self.path, body)}).encode()))
                )

            def _send(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def value(path: str, body: dict[str, Any]) -> Any:
    sizes = [len(base64.b64decode(picture)) % 97 / 97 for picture in body["pictures"]]
    if path == "/style":
        return {"csd": [sizes[0], -1.0, 0.0], "se": [0.5, 0.25, 0.1]}
    return sizes[0] if path == "/reasoning" else abs(sizes[0] - sizes[1])


@contextmanager
def running(about: Any = ABOUT) -> Iterator[ScorerProcess]:
    process = ScorerProcess(about)
    threading.Thread(target=process.server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield process
    finally:
        process.server.shutdown()
        process.server.server_close()
