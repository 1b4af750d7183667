"""Requests that nobody meant, for a server that runs: by its schema, and pictures that are none.

`make malformed` starts one with random weights and sends it many; the tests send a few.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections import Counter
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image

from tests.data.small import write_checkpoint
from tests.load.memory import family
from tests.serve.program import program
from tests.stress.mutation import inputs

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_SECONDS = 60.0
"""That any answer may take."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="irg-malformed-") as folder:
        model = write_checkpoint(Path(folder) / "checkpoint")
        log = Path(folder) / "log"
        with program(log, "--model", model, "--device", "cpu", "--max-turns", 2) as (address, process):
            files = num_files(process.pid)
            statuses = send_pictures(address, given.requests // 2, given.seed)
            print("pictures", dict(statuses))
            wrong = {status for status in statuses if status not in (200, 400, 413)}
            failed = send_by_schema(address, given.requests // 2, given.seed)
            left = at_work(address)
            print(f"requests left: {left}, files opened: {num_files(process.pid) - files}")
            traceback = "Traceback" in log.read_text()
        print(log.read_text()[-4000:] if traceback else "no traceback in the log")
    sys.exit(bool(wrong or failed or left or traceback))


def send_pictures(address: str, count: int, seed: int) -> Counter[int]:
    """Broken pictures to be asked about. Returns how often each status came."""
    statuses = Counter[int]()

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs([_picture(kind) for kind in _FORMATS]))
    def ask(data: bytes) -> None:
        picture = {"type": "input_image", "image_url": f"data:image/png;base64,{b64encode(data).decode()}"}
        content = [picture, {"type": "input_text", "text": "a star"}]
        body = {
            "input": [{"role": "user", "content": content}],
            "tool_choice": "none",
            "max_output_tokens": 1,
        }
        statuses[_status(address, body)] += 1

    ask()
    return statuses


def send_by_schema(address: str, count: int, seed: int) -> bool:
    """What the server's schema does not allow, to all that takes a body. Returns whether anything was
    answered with a status of 500 or more, and prints it."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    tool = shutil.which("schemathesis", path=beside)
    assert tool is not None, "schemathesis is not installed: pip install schemathesis"
    options = "--checks not_a_server_error --mode negative --phases fuzzing --include-method POST --no-color "
    options += "--continue-on-failure --suppress-health-check all --warnings off"
    options += f" --max-examples {max(1, count // 4)} --seed {seed} --request-timeout {_SECONDS}"
    command = [tool, "run", f"http://{address}/openapi.json", *options.split()]
    with tempfile.TemporaryDirectory() as folder:  # where it leaves what it remembers
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if found.returncode:
        print(found.stdout[-6000:], found.stderr[-2000:])
    return found.returncode != 0


def at_work(address: str) -> float:
    """Requests that the engine still holds, and bytes of its pool that are promised to them."""
    with _Connection(address) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    names = ("irg_queue ", "irg_running ", "irg_pool_bytes ")
    return sum(float(line.split()[1]) for line in lines if line.startswith(names))


def num_files(pid: int) -> int:
    """Files that a process and those that came of it have open."""
    return sum(len(os.listdir(f"/proc/{one}/fd")) for one in family(pid))


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: str) -> None:
        super().__init__(address, timeout=_SECONDS)

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _status(address: str, body: object) -> int:
    with _Connection(address) as connection:
        connection.request("POST", "/v1/responses", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status


def _picture(kind: str) -> bytes:
    with tempfile.SpooledTemporaryFile() as file:
        Image.radial_gradient("L").resize((24, 16)).convert("RGB").save(file, kind)
        file.seek(0)
        return file.read()


if __name__ == "__main__":
    main()
