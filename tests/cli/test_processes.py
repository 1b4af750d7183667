"""torchrun's processes share what is to be done."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irg.cli.processes import ProcessCrew, crew
from irg.core.trace import Trace
from tests.cli.conftest import ENVIRONMENT, SMALL, Run
from tests.data.small import write_checkpoint

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


_PROGRAM = """
import json, os, sys
from irg.cli.app import app
for port, arguments in json.loads(sys.argv[1]):
    os.environ["MASTER_PORT"] = port
    app(arguments, standalone_mode=False)
"""


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def same_pictures(folder: Path, other: Path) -> bool:
    ours, theirs = Trace.load(folder), Trace.load(other)
    pixels = [np.stack([np.asarray(turn.image, int) for turn in trace.turns]) for trace in (ours, theirs)]
    thoughts = [[turn.thought for turn in trace.turns] for trace in (ours, theirs)]
    return thoughts[0] == thoughts[1] and bool((abs(pixels[0] - pixels[1]) <= 1).all())


def test_two_processes_draw_the_same_pictures_together(run: Run, work: Path) -> None:
    """One prompt by latents, then a file of them by guidance branches, then an edit; the first process keeps
    them."""
    checkpoint = write_checkpoint(work / "checkpoint")
    (work / "prompts.txt").write_text("a cat\na tree")
    common = ("--device", "cpu", "--model", str(checkpoint), *SMALL)
    one = ("generate", "a cat", *common)
    file = ("generate", "--prompts", "prompts.txt", *common)
    Image.new("RGB", (64, 64), "red").save(work / "red.png")
    edit = ("edit", "red.png", "make it blue", *common[:4], *SMALL[4:])
    commands = [
        (free_port(), [*one, "--parallel", "sequence", "--out", "one"]),
        (free_port(), [*file, "--parallel", "guidance", "--out", "many"]),
        (free_port(), [*edit, "--parallel", "guidance", "--out", "edited"]),
    ]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps(commands)],
            cwd=work,
            env=ENVIRONMENT | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    told = [process.communicate(timeout=280)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert "2 made, 0 skipped, 0 failed" in told[0] and told[1] == ""
    run(*one, "--out", "one-alone")
    run(*file, "--out", "many-alone")
    run(*edit, "--out", "edited-alone")
    assert same_pictures(work / "edited", work / "edited-alone")
    assert same_pictures(work / "one", work / "one-alone")
    for name in ("0000", "0001"):
        assert same_pictures(work / "many" / name, work / "many-alone" / name)


def test_what_goes_wrong_in_one_process_stops_all(work: Path) -> None:
    """Only the first one writes, so only it finds that there is a file in the place of its folder."""
    checkpoint = write_checkpoint(work / "checkpoint")
    (work / "taken").write_text("a file")
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "irg", "generate")
    options = ("a cat", "--parallel", "guidance", "--device", "cpu", *SMALL, "--out", "taken")
    done = subprocess.run(
        [sys.executable, *launch, *options, "--model", str(checkpoint)],
        cwd=work,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode != 0 and "cannot write to taken" in done.stderr
    assert (work / "taken").read_text() == "a file"


def test_what_so_many_processes_cannot_do_is_refused(
    refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--parallel sequence: this is the only process" in refuse(
        "generate", "a red circle", "--parallel", "sequence"
    )
    again = refuse("generate", "--from", "trace.json", "--parallel", "sequence")
    assert "--parallel: one process draws the trace of --from" in again
    monkeypatch.setenv("WORLD_SIZE", "2")
    told = "2 processes for one episode: expected --parallel guidance or sequence"
    assert told in refuse("generate", "a red circle")
    assert told in refuse("generate", "a red circle", "--parallel", "data")
