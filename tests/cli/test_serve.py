import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import ENVIRONMENT, Run

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install irg[serve]")


def test_a_device_or_a_port_that_is_none_is_told(run: Run) -> None:
    assert "device 'abacus'" in run("serve", "--device", "abacus").stderr
    assert run("serve", "--port", "70000").exit_code == 2


def test_plans_that_are_none_are_told_before_anything_is_loaded(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("plan: 1\nfirst: [{draw: I, reads: [promt]}]\n")
    assert "mine.yaml" in run("serve", "--plans", str(tmp_path)).stderr
    assert "no such plan" in run("serve", "--plan", "nothing").stderr


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "irg", "serve", "--port", "0"]
    with (
        subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as server,
        killed_at_last(server),
    ):
        assert server.stderr is not None
        line = server.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        until = time.monotonic() + 200
        while not _is_ready(found[0]):
            assert time.monotonic() < until and server.poll() is None
            time.sleep(0.1)
        body = json.dumps({"input": "a green star", "steps": 2, "turns": 1}).encode()
        request = urllib.request.Request(
            f"{found[0]}/v1/responses", body, {"content-type": "application/json"}
        )
        assert json.load(urllib.request.urlopen(request))["status"] == "completed"
        server.send_signal(signal.SIGINT)
        assert server.wait(60) in (0, 130)


@contextmanager
def killed_at_last(server: subprocess.Popen) -> Iterator[None]:
    try:
        yield
    finally:
        server.kill()


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ready") as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False
