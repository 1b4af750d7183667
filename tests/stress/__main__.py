"""`make stress MINUTES=10`: nobody's inputs for every parser, then kills and full disks for every command.

What is found is saved beside this file, as seeds that the tests read ever after: exit code 1 where anything
is.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.stress.fuzz import Outcome, fuzz
from tests.stress.parsers import BY_NAME, PARSERS

SEEDS = Path(__file__).parent / "seeds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=[*BY_NAME, "kills"], action="append")
    given = parser.parse_args()
    chosen = [one for one in PARSERS if not given.only or one.name in given.only]
    with_kills = not given.only or "kills" in given.only
    seconds = given.minutes * 60 / (2 if with_kills and chosen else 1)
    print(f"seed {given.seed}, {given.minutes:g} minutes")
    failed = parsers_stand(chosen, given.seed, seconds / max(len(chosen), 1))
    if with_kills:
        from tests.stress.kills import commands_stand

        failed = commands_stand(given.seed, seconds) or failed
    sys.exit(int(failed))


def parsers_stand(chosen: list, seed: int, seconds: float) -> bool:
    """Give each so many seconds; prints and saves what is found. True where anything is."""
    total = Outcome()
    with tempfile.TemporaryDirectory(prefix="irg-stress-") as folder:
        for one in chosen:
            found = fuzz(one, seed, Path(folder), seconds)
            total.add(found)
            print(f"{found.inputs:>9,} inputs  {found.refused:>9,} refused  {one.name}", flush=True)
            for finding in found.findings.values():
                where = os.path.relpath(finding.save(SEEDS))
                print(f"          {finding.what} in {finding.where}: {where}", flush=True)
    print(f"{total.inputs:>9,} inputs  {total.refused:>9,} refused  in all: {len(total.findings)} findings")
    return bool(total.findings)


if __name__ == "__main__":
    main()
