"""Killed runs go on: nothing is lost, nothing is seen twice, and every loss is the same, bit for bit.

IRG_KILLS=20 kills as often as that; the default keeps the test short.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RECIPE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
STEPS = 24
MEASURED = {
    "seconds", "data_wait", "samples_per_second", "tokens_per_second", "tflops", "mfu", "memory"
}  # fmt: skip
"""What a run measures of itself, which differs each time."""


def start(out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "irg", "train", str(RECIPE), f"out={out}", f"steps={STEPS}"]
    small = ["checkpoint.every=3", "workers=2", "batch.tokens=1024", "batch.rows=1", "data.0.required=[]"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    log = (out.parent / f"{out.name}.log").open("ab")
    with log:
        return subprocess.Popen(
            [*command, *small, *more], env=environment, stdout=log, stderr=log, start_new_session=True
        )


def history(out: Path) -> list[dict[str, Any]]:
    """Every step's computed numbers, with all their digits."""
    lines = (json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def last_step(out: Path) -> int:
    path = out / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return json.loads(lines[-1])["step"] if lines and lines[-1].endswith("}") else 0


def kill_at_random(out: Path, chance: random.Random) -> None:
    """Start or resume, wait until it trains, then kill the whole process group without warning."""
    process = start(out, "--resume")
    before = last_step(out)
    deadline = time.monotonic() + 120
    while last_step(out) in (0, before) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(chance.uniform(0.0, 1.5))
    # Workers are left to notice by themselves that their parent is gone.
    process.kill()
    process.wait()


def test_killed_runs_go_on_bit_for_bit(tmp_path: Path) -> None:
    kills = int(os.environ.get("IRG_KILLS", "2"))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    reference = start(whole)
    chance = random.Random(0)
    for _ in range(kills):
        kill_at_random(killed, chance)
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
