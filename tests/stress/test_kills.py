"""Commands that are killed, doubled, and run out of disk: two of them; `make stress` has them all."""

import os
import signal
import subprocess
import sys

from tests.stress.kills import outliving


def test_commands_stand_kills_and_full_disks() -> None:
    """In a process of its own, which is still to be forked from and has no threads."""
    script = (
        "import tempfile, sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from random import Random\n"
        "from tests.stress.kills import COMMANDS, Tally, fill, prepared, stand\n"
        "tally, chance = Tally(), Random(0)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    site = prepared(Path(folder), having=['set'])\n"
        "    for command in COMMANDS[3:5]:\n"
        "        stand(command, site, chance, tally, kills=3)\n"
        "    print(fill(COMMANDS[3:5], site, tally))\n"
        "    noticed = Tally()\n"
        "    lost = replace(COMMANDS[3], name='lost', made=('no such file',))\n"
        "    stand(lost, site, chance, noticed, kills=0)\n"
        "    assert len(noticed.faults) == 1, noticed\n"
        "print(tally)\n"
        "sys.exit(bool(tally.faults) or not tally.kills)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def test_what_outlives_a_killed_process_is_found() -> None:
    script = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('begun', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert parent.stdout is not None and parent.stdout.readline() == b"begun\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    (orphan,) = outliving(parent.pid, 0.2)
    os.kill(orphan, signal.SIGKILL)
    assert not outliving(parent.pid, 30)
