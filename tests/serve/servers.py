"""A real server for an ASGI app, in a thread of its own."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install irg[serve]")


@contextmanager
def serving(app: Any, host: str = "127.0.0.1") -> Iterator[str]:
    """Its address, for as long as the block lasts."""
    listening = socket.create_server((host, 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(100)
        listening.close()
        assert not thread.is_alive()


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until it does."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
