"""Measures all that `irg bench speed` can tell of a machine within nine minutes, the largest model first.

    .venv/bin/python docs/measure_speed.py FOLDER

On a GPU the 7B shape in bfloat16, whole where it fits and else cut to as many layers as do: exactly, then
with compiled steps and graphs, then with products in float8 and the model at every third step; on a CPU one
layer and small pictures, and int8. What is measured lies in FOLDER as soon as it is: a folder for each part,
and what each said in NAME.txt (of `cheaper` that is JSON) and NAME.log. Parts that fail, take too long, or
for which no time is left are named at the end, and the exit code is then 1.
"""

import subprocess
import sys
import time
from pathlib import Path

import torch

MOST_SECONDS = 9 * 60
MOST_OF_A_PART = 200
"""Seconds: one that hangs leaves time for the others."""
BYTES_PER_LAYER, BYTES_BESIDE = 0.95e9, 6e9
"""Of the 7B shape in bfloat16: both experts of a layer; and all else, caches and passes included."""

Parts = dict[str, list[str]]
"""The options of `irg bench speed`, by the name of what is measured."""


def largest() -> list[str]:
    """The options of the 7B shape as it fits here."""
    options = ["--preset", "bagel_7b", "--dtype", "bfloat16"]
    if not torch.cuda.is_available():
        return [*options, "--layers", "1", "--side", "256", "--thought-tokens", "8", "--points", "4"]
    memory = torch.cuda.get_device_properties(0).total_memory
    layers = int((0.9 * memory - BYTES_BESIDE) / BYTES_PER_LAYER)
    return options if layers >= 28 else [*options, "--layers", str(max(layers, 1))]


def parts(folder: Path) -> Parts:
    on_gpu = torch.cuda.is_available()
    shapes = {
        "bagel_7b": largest(),
        "bagel_7b_compiled": [*largest(), "--compiled"],
        "bagel_7b_cheaper": [*largest(), "--weights", "fp8_matmul" if on_gpu else "int8", "--every", "3"],
        "mid": ["--preset", "mid"],
        "embedded": ["--preset", "embedded"],
    }
    if not on_gpu:
        del shapes["bagel_7b_compiled"]  # compiling a CPU's steps takes longer than all else here
    found = {
        name: [*options, "--episodes", "1", "--out", str(folder / name)] for name, options in shapes.items()
    }
    return found | {"cheaper": ["--cheaper", "--prompts", "48", "--json"]}


def measure(
    folder: Path, waiting: Parts, most_seconds: float = MOST_SECONDS, of_a_part: float = MOST_OF_A_PART
) -> bool:
    """Whether all was measured."""
    failed: list[str] = []
    waiting = dict(waiting)
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + most_seconds
    while waiting and (left := end - time.monotonic()) > 0:
        name = next(iter(waiting))
        options = waiting.pop(name)
        print(f"== {name}", flush=True)
        if reason := _failed(folder / f"{name}.txt", options, min(left, of_a_part)):
            failed.append(f"{name} ({reason})")
    if failed:
        print(f"failed: {', '.join(failed)}")
    if waiting:
        print(f"not measured for want of time: {', '.join(waiting)}")
    return not (failed or waiting)


def _failed(said: Path, options: list[str], seconds: float) -> str | None:
    """Why a part was not measured, if it was not. What it said so far is shown and kept either way."""
    command = [sys.executable, "-m", "irg", "bench", "speed", *options]
    log, reason = said.with_suffix(".log"), None
    with said.open("w") as out, log.open("w") as err:
        try:
            done = subprocess.run(command, stdout=out, stderr=err, timeout=seconds, check=False)
            reason = f"exit code {done.returncode}" if done.returncode else None
        except subprocess.TimeoutExpired:
            reason = f"took longer than {seconds:g} s"
    print(said.read_text(), log.read_text() if reason else "", flush=True)
    return reason


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU here: a CPU is measured")
    sys.exit(0 if measure(Path(sys.argv[1]), parts(Path(sys.argv[1]))) else 1)
