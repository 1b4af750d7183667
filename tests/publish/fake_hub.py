"""A server on this machine that speaks as much of the hub's protocol as an upload takes, and keeps it."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class FakeHub:
    """One dataset. `files` are there at the beginning; `refusal` is the status that commits are met with."""

    files: dict[str, bytes] = field(default_factory=dict)
    refusal: int | None = None
    address: str = ""
    created: list[dict[str, Any]] = field(default_factory=list)
    commits: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, str | None] = field(default_factory=dict)
    """By the path that was asked for."""

    @contextmanager
    def running(self) -> Iterator["FakeHub"]:
        hub = self

        class Handler(_Handler):
            known = hub

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.address = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        """Status and content."""
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return 200, {"url": f"{self.address}/datasets/me/set", "name": "me/set"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        is_known = parts[0] == "api" and parts[1:2] in (["datasets"], ["models"])
        action = parts[4] if is_known and len(parts) > 4 else ""
        if action == "tree":
            return 200, [
                {"type": "file", "path": name, "size": len(data), "oid": "0"}
                for name, data in self.files.items()
            ]
        if action == "preupload":
            names = [one["path"] for one in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            return 200, {"files": modes}
        if action == "commit":
            return (self.refusal, {"error": "no"}) if self.refusal else self._commit(parts, body)
        if len(parts) == 4 or action == "revision":
            siblings = [{"rfilename": name} for name in self.files]
            return 200, {"id": "me/set", "sha": "0", "siblings": siblings, "private": False, "tags": []}
        return 404, {"error": f"nothing at {path}"}

    def _commit(self, parts: list[str], body: bytes) -> tuple[int, Any]:
        lines = [json.loads(line) for line in body.splitlines()]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del self.files[value["path"]]
        self.commits.append({"branch": "/".join(parts[5:]), **lines[0]["value"]})
        commit = {"commitUrl": f"{self.address}/datasets/me/set/commit/abc", "commitOid": "abc"}
        return 200, {"success": True, **commit}


class _Handler(BaseHTTPRequestHandler):
    known: FakeHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(b"")

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(body)

    def _reply(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        self.known.tokens[path] = self.headers.get("Authorization")
        status, content = self.known.answer(path, body)
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """The test's output is not for this."""
