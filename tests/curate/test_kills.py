"""Drivers that are killed without warning, at random: the set is the same, byte for byte.

IRG_KILLS=10 kills as often as that; the default keeps the test short.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from irg.core.output import MARKER
from irg.curate.recipe import read_recipe
from irg.curate.session import curate
from tests.curate.small import set_in, work_in

RECIPE = Path(__file__).parents[2] / "recipes" / "scene.yaml"
CHANGED = (
    *("propose.count=40", "think.student=0", "draw.flawed=1"),
    *("shard=5", "run.shards=2", "emit.held_out=0.2"),
)
"""Every first picture is flawed on purpose: nothing has to be drawn by a model."""


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "irg", "curate", str(RECIPE), *CHANGED, "--out", str(folder)]
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def finish(folder: Path) -> None:
    assert start(folder).wait() == 0, (folder.parent / f"{folder.name}.log").read_text()


def num_files(folder: Path) -> int:
    return len(list((folder / "work").glob("*/[0-9]*.parquet")))


def test_a_killed_run_goes_on_to_the_same_set(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    curate(read_recipe(RECIPE, [*CHANGED, f"out={whole}"]))
    kills, total = int(os.environ.get("IRG_KILLS", "2")), num_files(whole)
    assert total == 8 * 8
    chance, deaths = random.Random(0), 0
    for number in range(kills):
        # After some more files: the last of all kills comes when there is still something to do.
        until = num_files(killed) + chance.randint(1, max(1, (total - num_files(killed)) // (kills - number)))
        driver = start(killed)
        while num_files(killed) < min(until, total) and driver.poll() is None:
            time.sleep(0.003)
        driver.kill()
        deaths += driver.wait() == -9
    assert deaths >= (kills + 1) // 2, "the runs were over before they were killed"
    finish(killed)
    assert set_in(killed) == set_in(whole) and len(set_in(whole)) >= 5
    assert work_in(killed) == work_in(whole)
    assert not [path for path in killed.rglob(".*") if path.name not in (".lock", MARKER)]
