"""torchrun's processes share what is to be done."""

import json
import subprocess
import sys
from pathlib import Path

from irg.cli.processes import ProcessCrew, crew
from irg.core.trace import Trace
from tests.cli.conftest import ENVIRONMENT, SMALL

PROMPTS = ("a red circle", "a blue star", "two hearts", "a dog", "a pink square")


def test_shares_are_disjoint_and_all_of_it() -> None:
    shares = [ProcessCrew(rank, 3).share(PROMPTS) for rank in range(3)]
    assert sorted(prompt for share in shares for prompt in share) == sorted(PROMPTS)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_there_is_nothing_to_wait_for() -> None:
    with crew(None) as us:
        us.wait()
        assert (us, us.share([1, 2]), us.gathered("x")) == (ProcessCrew(0, 1), [1, 2], ["x"])


def test_two_processes_draw_a_file_of_prompts(work: Path, scenes_checkpoint: Path) -> None:
    (work / "prompts.txt").write_text("\n".join(PROMPTS))
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "irg", "generate")
    options = ("--prompts", "prompts.txt", "--turns", "1", "--device", "cpu", *SMALL[4:])
    command = [sys.executable, *launch, *options, "--model", str(scenes_checkpoint), "--batch", "1", "--json"]
    done = subprocess.run(
        [*command, "--out", "many"], cwd=work, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    content = json.loads(done.stdout)
    assert [Path(one["folder"]).name for one in content["made"]] == ["0000", "0001", "0002", "0004"]
    assert [one["prompt"] for one in content["failed"]] == ["a dog"], done.stderr
    assert done.returncode != 0  # as of one process, where a prompt failed
    for number, prompt in enumerate(PROMPTS):
        if prompt != "a dog":
            trace = Trace.load(work / "many" / f"{number:04d}")
            assert (trace.prompt, trace.seed) == (prompt, number)
