"""Commands that are killed at any moment, run two at a time, or run out of disk: nothing is lost, reruns are
whole.

Each command works in a folder of its own beside what a user has, is killed in it again and again, and has to
come to what it comes to undisturbed. Processes are forked from one that has imported everything.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from random import Random

from PIL import Image

import irg

RECIPES = Path(__file__).parents[2] / "recipes"
_SMALL = ("checkpoint.every=2", "batch.tokens=1024", "batch.rows=1", "data.0.required=[]", "steps=8")
_FLAWED = ("propose.count=24", "think.student=0", "draw.flawed=1", "shard=4", "run.device=1")
_STUCK_SECONDS = 300
_ORPHAN_SECONDS = 20
"""In which the processes of one that was killed have to end."""
_LEFT_OVER = (".partial", ".replaced", ".deleted")
"""How the names of what is not finished end."""


@dataclass(frozen=True)
class Site:
    """A folder with what a user has: pictures and notes of theirs, a curated set, a training run."""

    folder: Path

    @property
    def inputs(self) -> dict[str, str]:
        """What no command may change: the hash of every file."""
        roots = [self.folder / name for name in ("mine", "set", "run")]
        return {str(path): _hash(path) for root in roots for path in root.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Command:
    """What is run for a folder `out`, and the files in it, by pattern, that have to come out the same."""

    name: str
    arguments: Callable[[Site, Path], Sequence[str]]
    made: tuple[str, ...]
    complete: str | None = None
    """What it says of a folder in which it has come to its end already, if it refuses that."""

    def result(self, out: Path) -> dict[str, str]:
        found = {path for pattern in self.made for path in out.glob(pattern)}
        return {path.relative_to(out).as_posix(): _hash(path) for path in sorted(found)}


COMMANDS = (
    Command(
        "generate",
        lambda site, out: ["generate", "two red circles", "--seed", "3", "--out", str(out), "-q"],
        ("turn*.png",),
    ),
    Command(
        "train",
        lambda site, out: ["train", str(RECIPES / "smoke.yaml"), f"out={out}", *_SMALL, "--resume"],
        ("checkpoint/*.safetensors",),
    ),
    Command(
        "curate",
        lambda site, out: ["curate", str(RECIPES / "scene.yaml"), *_FLAWED, "--out", str(out), "-q"],
        ("data/*/*.parquet",),
    ),
    Command(
        "convert",
        lambda site, out: [
            *("data", "convert", str(site.folder / "set" / "data" / "train"), str(out)),
            *("--to", "conversation", "-q"),
        ],
        ("*.parquet", "manifest.json"),
        "holds a data set already",
    ),
    Command(
        "publish",
        lambda site, out: ["publish", "export", str(site.folder / "set"), str(out), "-q"],
        ("data/*/*.parquet", "data/*.parquet"),
        "holds",
    ),
    Command(
        "export",
        lambda site, out: ["export", str(site.folder / "run"), "--out", str(out)],
        ("*.safetensors", "*.json"),
    ),
    Command(
        "bench",
        lambda site, out: [
            *("bench", "scene", "--prompts", "5", "--turns", "1", "--batch", "2"),
            *("--out", str(out), "-q"),
        ],
        ("items.jsonl",),
    ),
    Command(
        "bench in processes",
        lambda site, out: [
            *("bench", "run", "scene", "--prompts", "4", "--mode", "cot", "--batch", "1", "--workers", "2"),
            *("--out", str(out), "-q"),
        ],
        ("items.jsonl", "pictures/*.png"),
    ),
)


@dataclass
class Tally:
    """What was done to the commands, and what they did not stand."""

    kills: int = 0
    pairs: int = 0
    full_disks: int = 0
    faults: tuple[str, ...] = ()

    def fault(self, said: str) -> None:
        self.faults = (*self.faults, said)


def commands_stand(seed: int, seconds: float) -> bool:
    """Prints what was done. True where anything was lost, or a rerun was not whole."""
    deadline, chance, tally = time.monotonic() + seconds, Random(seed), Tally()
    with tempfile.TemporaryDirectory(prefix="irg-kills-") as folder:
        site = prepared(Path(folder))
        first = True
        while first or time.monotonic() < deadline:
            for command in COMMANDS:
                if first or time.monotonic() < deadline:
                    stand(command, site, chance, tally, kills=8)
            first = False
        told = fill(COMMANDS, site, tally)
    print(f"{tally.kills:>9,} kills  {tally.pairs:,} pairs at once  {tally.full_disks} full disks{told}")
    for fault in tally.faults:
        print(f"          {fault}")
    return bool(tally.faults)


def prepared(folder: Path, having: Sequence[str] = ("set", "run")) -> Site:
    """The site, made by the commands themselves."""
    for module in walk_packages(irg.__path__, "irg."):
        if module.name != "irg.__main__":
            import_module(module.name)
    site = Site(folder)
    (folder / "mine").mkdir()
    Image.new("RGB", (9, 9)).save(folder / "mine" / "holiday.png")
    (folder / "mine" / "notes.txt").write_text("mine")
    making = {"set": COMMANDS[2], "run": COMMANDS[1]}
    for name in having:
        finish(making[name], site, folder / name)
    return site


def stand(command: Command, site: Site, chance: Random, tally: Tally, kills: int) -> None:
    """Kill the command so often, alone or beside its twin, then have it come to its end."""
    place = site.folder / f"{command.name}-{tally.kills}"
    whole, killed = place / "whole", place / "killed"
    place.mkdir()
    before, started = site.inputs, time.monotonic()
    finish(command, site, whole)
    took = time.monotonic() - started
    for _ in range(kills):
        _kill(command, site, killed, chance, took, tally)
    if chance.random() < 0.5:
        tally.pairs += 1
        ends = [_ended(one) for one in (start(command, site, killed), start(command, site, killed))]
        if -9 in ends:
            tally.fault(f"{command.name}: stuck beside its twin")
    finish(command, site, killed)
    if command.result(killed) != command.result(whole) or not command.result(whole):
        tally.fault(f"{command.name}: after kills it came to something else, in {killed}")
    if site.inputs != before:
        tally.fault(f"{command.name}: what it read was changed")
    if left := [str(path) for path in killed.parent.rglob(".*") if path.name.endswith(_LEFT_OVER)]:
        tally.fault(f"{command.name}: left behind {', '.join(left)}")
    if not tally.faults:
        shutil.rmtree(place)


def fill(commands: Sequence[Command], site: Site, tally: Tally) -> str:
    """Every command on a disk that is full before its end, and then is not. Says why where there is none."""
    disk = site.folder / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "irg", disk], capture_output=True
    ).returncode:
        return " (no disk that could be filled: mounting one is not allowed here)"
    try:
        for command in commands:
            tally.full_disks += 1
            subprocess.run(["mount", "-o", "remount,size=64k", disk], check=True)
            log = site.folder / f"{command.name}-full.log"
            code, before = _ended(start(command, site, disk / "out", log)), site.inputs
            if code != 0 and "No space left" not in log.read_text():
                tally.fault(f"{command.name}: a full disk is called {log.read_text()[-300:]!r}")
            subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
            finish(command, site, disk / "out")
            if site.inputs != before:
                tally.fault(f"{command.name}: what it read was changed where the disk was full")
            shutil.rmtree(disk / "out")
    finally:
        subprocess.run(["umount", disk], check=True)
    return ""


def _kill(command: Command, site: Site, out: Path, chance: Random, took: float, tally: Tally) -> None:
    """At a random moment of its course, or soon after it has begun to write."""
    running = [start(command, site, out) for _ in range(chance.choice((1, 1, 2)))]
    tally.pairs += len(running) > 1
    moment = time.monotonic() + chance.uniform(0.0, took)
    if chance.random() < 0.5:
        until = time.monotonic() + took
        while not _files(out) and time.monotonic() < until and _alive(running[0]):
            time.sleep(0.002)
        moment = time.monotonic() + chance.uniform(0.0, took / 4)
    while time.monotonic() < moment and _alive(running[0]):
        time.sleep(0.002)
    number = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
    for one in running:
        if _alive(one):
            tally.kills += 1
            os.kill(one, number)
    if number == signal.SIGTERM and any(_ended(one) == -9 for one in running):
        tally.fault(f"{command.name}: does not end when it is asked to")
    for one in running:
        _ended(one)
        if left := outliving(one, _ORPHAN_SECONDS):
            tally.fault(f"{command.name}: {len(left)} processes of it outlive it")
            for orphan in left:
                os.kill(orphan, signal.SIGKILL)


def outliving(session: int, seconds: float) -> list[int]:
    """The processes that are left, after so long at most, of the one that began a session."""
    deadline = time.monotonic() + seconds
    while (left := _in_session(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _in_session(session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if int(of) == session and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def finish(command: Command, site: Site, out: Path) -> None:
    """Run it to its end. Raises AssertionError where it fails."""
    log = out.parent / f"{out.name}.log"
    log.unlink(missing_ok=True)
    code = _ended(start(command, site, out, log))
    said = log.read_text()
    if code and not (command.complete and command.complete in said and command.result(out)):
        raise AssertionError(f"{command.name} ended with {code}: {said[-2000:]}")


def start(command: Command, site: Site, out: Path, log: Path | None = None) -> int:
    """A process that runs the command; its id."""
    arguments = list(command.arguments(site, out))
    if child := os.fork():
        return child
    code = 1
    try:
        os.setsid()
        handle = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(handle, stream)
        os.chdir(site.folder)
        os.environ["OMP_NUM_THREADS"] = "1"
        sys.argv = ["irg", *arguments]
        from irg.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


_ends: dict[int, int] = {}


def _alive(process: int) -> bool:
    if process not in _ends:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            _ends[process] = os.waitstatus_to_exitcode(status)
    return process not in _ends


def _ended(process: int) -> int:
    """Its exit code, once it has ended; of one that is stuck, after it is killed for that, -9."""
    deadline = time.monotonic() + _STUCK_SECONDS
    while _alive(process):
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.005)
    return _ends[process]


def _files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
