import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from irg.bench.protocol import BASE_TURN
from irg.cli.bench_run import going_on
from tests.cli.conftest import ENVIRONMENT, Run

SCENE = ("bench", "run", "scene", "--prompts", 3, "--workers", 1)


def words(text: str) -> str:
    return " ".join(text.split())


def test_an_interruption_says_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, going_on(Path("runs/x")):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert "runs/x keeps what is finished, and the same command goes on" in capsys.readouterr().err


def test_a_run_is_drawn_judged_and_gone_on_with(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    arguments = (*SCENE, "--model", scenes_checkpoint, "--mode", "all", "--out", "found", "--json")
    first = run(*arguments)
    assert first.exit_code == 0, first.output
    result = json.loads(first.stdout)
    assert (result["benchmark"], result["version"], result["complete"]) == ("scene", 2, True)
    assert result["partial"] == "3 of 420 prompts" and "not the benchmark's score" in words(first.stderr)
    assert [turn["turn"] for turn in result["turns"]] == [BASE_TURN, 1, 2]
    pictures = {path.name: path.read_bytes() for path in (work / "found" / "pictures").iterdir()}
    assert len(pictures) == 9
    (work / "found" / "pictures" / min(pictures)).unlink()
    broken = run(*arguments)
    assert broken.exit_code == 1 and "1 missing: no picture" in words(broken.stderr)
    assert not json.loads(broken.stdout)["complete"]


def test_what_was_asked_for_decides_on_the_run(run: Run, work: Path, scenes_checkpoint: Path) -> None:
    arguments = (*SCENE, "--model", scenes_checkpoint, "--mode", "base", "--no-score", "--out", "found")
    assert run(*arguments).exit_code == 0
    assert not (work / "found" / "summary.json").exists()
    changed = run(*arguments, "--guidance", "num_points=4")
    assert changed.exit_code == 2 and "holds another run (plans differ)" in words(changed.stderr)
    for wrong, said in (
        (("--guidance", "first.text=4"), "--guidance: first.text: there is no such setting"),
        (("--mode", "cot", "--turns", 2), "mode cot with 2 turns: expected 1"),
        (("--mode", "best"), "mode 'best': expected one of base, cot, irg, all"),
        (("--guidance", "width=64"), "pictures of 64x128: scene reads 128x128"),
        (("--score", "--judge", "model=x"), "--judge model=...: this judge knows no settings"),
        (("--judge", "model=x", "--no-score"), "--judge model=x beside --no-score"),
        (("--ray", "local"), "--ray local beside --workers or torchrun"),
        (("--judge", "model"), "--judge 'model': expected KEY=VALUE"),
    ):
        refused = run(*SCENE, "--model", scenes_checkpoint, "--out", "other", *wrong)
        assert refused.exit_code == 2 and said in words(refused.stderr), refused.stderr
        assert not (work / "other").exists()


def test_a_model_of_no_world_and_an_unknown_name_are_refused(run: Run, checkpoint: Path) -> None:
    refused = run(*SCENE, "--model", checkpoint, "--out", "found")
    assert refused.exit_code == 2 and "does not know the world of scenes" in words(refused.stderr)
    refused = run("bench", "run", "scenes", "--out", "found")
    assert refused.exit_code == 2 and "did you mean scene?" in words(refused.stderr)


def test_pictures_go_to_an_official_tree_and_are_scored_from_there_alike(
    run: Run, work: Path, scenes_checkpoint: Path
) -> None:
    drawn = run(*SCENE, "--model", scenes_checkpoint, "--out", "found", "--json")
    assert run("bench", "export", "found", "--out", "official").exit_code == 0
    assert sorted(path.name for path in (work / "official").iterdir() if path.is_dir()) == ["turn1", "turn2"]
    arguments = ("bench", "score", "official", "--benchmark", "scene", "--prompts", 3)
    scored = run(*arguments, "--out", "theirs", "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["turns"] == json.loads(drawn.stdout)["turns"]
    victim = min((work / "official" / "turn1").glob("*.png"))
    victim.rename(victim.with_name("99999.png"))
    (work / "official" / "turn2" / "notes.txt").touch()
    again = run(*arguments, "--out", "again")
    said = words(again.stdout)
    assert (
        again.exit_code == 1
        and f"turn 1: 1 missing {victim.name} turn 1: 1 wrongly numbered 99999.png" in said
    )
    assert "turn 2: 1 extra notes.txt" in said
    assert json.loads((work / "again" / "tree.json").read_text())["turn2"] == {"extra": ["notes.txt"]}
    assert run("bench", "score", "found").exit_code == 0
    assert run("bench", "score", "found", "--out", "x").exit_code == 2


@pytest.mark.timeout(300)
def test_a_killed_run_goes_on_and_comes_to_the_same(work: Path, scenes_checkpoint: Path, run: Run) -> None:
    arguments = [*SCENE, "--batch", 1, "--mode", "cot", "--model", scenes_checkpoint, "--json", "--out"]
    command = [sys.executable, "-m", "irg", *map(str, arguments), "torn"]
    lines = work / "torn" / "turns.jsonl"
    process = subprocess.Popen(command, cwd=work, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 240
    while not lines.exists():
        assert time.monotonic() < end and process.poll() is None, "nothing was drawn"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (work / "torn" / "summary.json").exists()
    torn, whole = (run(*arguments, name) for name in ("torn", "whole"))
    assert torn.exit_code == whole.exit_code == 0
    assert json.loads(torn.stdout)["turns"] == json.loads(whole.stdout)["turns"]
    one, two = (sorted((work / name / "pictures").iterdir()) for name in ("torn", "whole"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two] and len(one) == 3


@pytest.mark.timeout(300)
def test_torchruns_processes_share_the_work(work: Path, scenes_checkpoint: Path, run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = ENVIRONMENT | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    arguments = [*SCENE, "--batch", 1, "--mode", "cot", "--model", scenes_checkpoint, "--out"]
    command = [sys.executable, "-m", "irg", *map(str, arguments), "found"]
    processes = [
        subprocess.Popen(command, cwd=work, env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    assert [process.wait(240) for process in processes] == [0, 0]
    assert len((work / "found" / "turns.jsonl").read_text().splitlines()) == 1 + 2
    assert len((work / "found" / "process1" / "turns.jsonl").read_text().splitlines()) == 1 + 1
    assert json.loads((work / "found" / "summary.json").read_text())["complete"]
    assert run(*arguments, "alone").exit_code == 0
    one, two = (sorted((work / name / "pictures").iterdir()) for name in ("found", "alone"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
