"""`irg serve` as a process."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import ENVIRONMENT

_LOADING = 300.0
"""Seconds that a server may take until it is ready."""


@contextmanager
def program(log: Path, *arguments: object) -> Iterator[tuple[str, subprocess.Popen]]:
    """Its address, host and port, once it is ready, and the process; what it writes is in `log`."""
    command = [sys.executable, "-m", "irg", "serve", "--port", "0", *map(str, arguments)]
    with (
        log.open("wb") as written,
        subprocess.Popen(
            command, stdout=written, stderr=written, env=ENVIRONMENT, preexec_fn=heeding
        ) as process,
    ):
        try:
            yield _address(process, log), process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def heeding() -> None:
    """A shell's background processes ignore interrupts, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _address(process: subprocess.Popen, log: Path) -> str:
    """Waits until the server is ready. Raises RuntimeError for one that does not start."""
    until = time.monotonic() + _LOADING
    while process.poll() is None and time.monotonic() < until:
        _, found, rest = log.read_text().partition("http://")
        if found and _is_ready(address := rest.split()[0]):
            return address
        time.sleep(0.1)
    raise RuntimeError(f"the server does not start: {log.read_text()[-2000:]}")


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/ready", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.HTTPError):
        return False
