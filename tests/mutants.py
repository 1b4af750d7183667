"""How many small changes of the code its tests notice: `make mutants`.

mutmut writes mutants of the rooms that pyproject.toml names under [tool.mutmut]: `<` for `<=`, another
constant, a missing argument. A sample of them is tested, each by the tests that reach it. Those that no test
notices are printed: a test is missing, or the change makes no difference, such as another device where there
is only one.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from irg.bench.intervals import wilson

FOLDER = Path("mutants")
FIRST = "irg.core.visibility.x_visible__mutmut_1"
"""Any one: testing it has all of them written, and all tests timed."""
SURVIVED = (0, 33)
"""mutmut's exit codes for mutants that all tests passed with, and that no test reaches."""


def mutmut(*arguments: str, seconds: float | None = None) -> bool:
    """Run it, for so long at the most. Says whether it came to its end."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        try:
            if run.wait(seconds):
                raise SystemExit(f"mutmut {arguments[0]} failed: run it by hand to see why")
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            return False
    return True


def outcomes() -> dict[str, int | None]:
    """The exit code of the tests for every mutant; None where it was not tested."""
    found: dict[str, int | None] = {}
    for path in sorted(FOLDER.rglob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def show(names: Sequence[str]) -> None:
    for name in names:
        command = [sys.executable, "-m", "mutmut", "show", name]
        diff = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        changed = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        print(name, *changed, sep="\n    ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="mutants to test, of all there are")
    parser.add_argument("--seed", type=int, default=0, help="decides on the sample")
    parser.add_argument("--minutes", type=float, default=20, help="what is not tested by then is left out")
    parser.add_argument("--only", default="", help="those with this in their name, such as core.packing")
    options = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    mutmut("run", FIRST)
    names = sorted(name for name in outcomes() if options.only in name)
    sample = random.Random(options.seed).sample(names, min(options.sample, len(names)))
    whole = mutmut("run", *sample, seconds=60 * options.minutes)
    known = outcomes()
    tested = [name for name in sample if known[name] is not None]
    survivors = sorted(name for name in tested if known[name] in SURVIVED)
    show(survivors)
    killed = len(tested) - len(survivors)
    low, high = wilson(killed, len(tested))
    print(f"{killed} of {len(tested)} mutants were noticed: {killed / max(len(tested), 1):.0%}", end=" ")
    print(f"(95% interval {low:.0%} to {high:.0%}), of {len(names):,} that there are; seed {options.seed}")
    if not whole:
        print(f"{len(sample) - len(tested)} of the sample were not tested in {options.minutes:g} minutes")


if __name__ == "__main__":
    main()
