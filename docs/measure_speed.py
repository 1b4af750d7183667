"""Measures all that `irg bench speed` can tell of a machine within nine minutes, the largest model first.

    .venv/bin/python docs/measure_speed.py FOLDER

On a GPU the 7B shape in bfloat16, whole where it fits and else cut to as many layers as do, exactly and then
with products in float8 and the model at every third step; on a CPU one layer and small pictures, and int8.
What is measured lies in FOLDER: a folder for each part, and cheaper.json. Parts that fail, or for which no
time is left, are named, and the exit code is then 1.
"""

import subprocess
import sys
import time
from pathlib import Path

import torch

MOST_SECONDS = 9 * 60
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
    weights = "fp8_matmul" if torch.cuda.is_available() else "int8"
    shapes = {
        "bagel_7b": largest(),
        "bagel_7b_cheaper": [*largest(), "--weights", weights, "--every", "3"],
        "mid": ["--preset", "mid"],
        "embedded": ["--preset", "embedded"],
    }
    found = {
        name: [*options, "--episodes", "1", "--out", str(folder / name)] for name, options in shapes.items()
    }
    return found | {"cheaper": ["--cheaper", "--prompts", "48", "--json"]}


def measure(folder: Path, waiting: Parts, most_seconds: float = MOST_SECONDS) -> bool:
    """Whether all was measured."""
    failed: list[str] = []
    waiting = dict(waiting)
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + most_seconds
    while waiting and (left := end - time.monotonic()) > 0:
        name = next(iter(waiting))
        command = [sys.executable, "-m", "irg", "bench", "speed", *waiting[name]]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=left, check=False)
        except subprocess.TimeoutExpired:
            break
        del waiting[name]
        print(f"== {name}\n{done.stdout}{done.stderr if done.returncode else ''}", flush=True)
        if done.returncode:
            failed.append(name)
        elif name == "cheaper":
            (folder / "cheaper.json").write_text(done.stdout)
    if failed:
        print(f"failed: {', '.join(failed)}")
    if waiting:
        print(f"not measured for want of time: {', '.join(waiting)}")
    return not (failed or waiting)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if measure(Path(sys.argv[1]), parts(Path(sys.argv[1]))) else 1)
