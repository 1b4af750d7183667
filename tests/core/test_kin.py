import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import subprocess, sys
from irg.core.kin import ends_with_us
child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
subprocess.run([sys.executable, "-c", child, sys.argv[1] + ".part"], preexec_fn=ends_with_us())
"""


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has signals of a parent's death")
def test_a_child_is_gone_when_its_parent_was_killed(tmp_path: Path) -> None:
    told = tmp_path / "process.part"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "process")])
    deadline = time.monotonic() + 30
    while not (told.is_file() and told.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int(told.read_text())
    assert is_running(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(child)
