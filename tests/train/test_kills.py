"""Killed runs go on: nothing is lost, nothing is seen twice, and every loss is the same, bit for bit.

IRG_KILLS=20 kills as often as that (with `-o timeout=0`); the default keeps the test short.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from irg.run.saved import steps_in
from tests.train.runs import history

RECIPE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
KILLS = int(os.environ.get("IRG_KILLS", "2"))
STEPS = 12 * KILLS
"""More than any number of runs gets done that end after at most eight steps."""


def start(out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "irg", "train", str(RECIPE), f"out={out}", f"steps={STEPS}"]
    small = ["checkpoint.every=3", "workers=2", "batch.tokens=1024", "batch.rows=1", "data.0.required=[]"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    log = (out.parent / f"{out.name}.log").open("ab")
    with log:
        return subprocess.Popen(
            [*command, *small, *more], env=environment, stdout=log, stderr=log, start_new_session=True
        )


def kill_at_random(out: Path, chance: random.Random) -> bool:
    """Start or resume, let it train for some steps, then kill it without warning, in whatever it is doing.

    Its workers are left to notice by themselves that it is gone. False if it had ended by itself.
    """
    log, states = out / "metrics.jsonl", out / "checkpoints"
    before, saved = identity(log), max(steps_in(states), default=0) if states.is_dir() else 0
    process = start(out, "--resume")
    enough = saved + chance.randint(1, 8)
    while process.poll() is None and (identity(log) == before or last_step(log) < enough):
        time.sleep(0.02)
    time.sleep(chance.uniform(0.0, 0.3))
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


def identity(log: Path) -> int | None:
    """Changes when a run begins, and drops the lines that it will write again."""
    return log.stat().st_ino if log.exists() else None


def last_step(log: Path) -> int:
    lines = log.read_text().splitlines() if log.exists() else []
    return json.loads(lines[-1])["step"] if lines and lines[-1].endswith("}") else 0


def test_killed_runs_go_on_bit_for_bit(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    reference = start(whole)
    chance = random.Random(0)
    for _ in range(KILLS):
        assert kill_at_random(killed, chance), (tmp_path / "killed.log").read_text()
    assert reference.wait() == 0, (tmp_path / "whole.log").read_text()
    final = start(killed, "--resume")
    assert final.wait() == 0, (tmp_path / "killed.log").read_text()
    assert history(killed) == history(whole)
    assert [line["step"] for line in history(killed)] == list(range(1, STEPS + 1))
    weights = [folder / "checkpoint" / "ema_bf16.safetensors" for folder in (whole, killed)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert no_process_left(killed)


def no_process_left(out: Path) -> bool:
    """Whether no loader outlived the runs that were killed."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = subprocess.run(["pgrep", "-f", f"out={out}"], capture_output=True, check=False)
        if found.returncode == 1:
            return True
        time.sleep(0.2)
    return False
