"""Measures all that `irg bench speed` can tell of a machine within nine minutes, the largest model first.

    .venv/bin/python docs/measure_speed.py FOLDER

On a GPU the 7B shape in bfloat16, whole where it fits and else cut to as many layers as do; on a CPU one
layer and small pictures. What is measured lies in FOLDER: a folder for each part, and cheaper.json. Parts
that fail, or for which no time is left, are named, and the exit code is then 1.
"""

import subprocess
import sys
import time
from pathlib import Path

import torch

MOST_SECONDS = 9 * 60
BYTES_PER_LAYER, BYTES_BESIDE = 0.95e9, 6e9
"""Of the 7B shape in bfloat16: both experts of a layer; and all else, caches and passes included."""


def largest() -> list[str]:
    """The options of the 7B shape as it fits here."""
    if not torch.cuda.is_available():
        return ["--layers", "1", "--side", "256", "--thought-tokens", "8", "--points", "4"]
    memory = torch.cuda.get_device_properties(0).total_memory
    layers = int((0.9 * memory - BYTES_BESIDE) / BYTES_PER_LAYER)
    return [] if layers >= 28 else ["--layers", str(max(layers, 1))]


def parts(folder: Path) -> dict[str, list[str]]:
    def saved(name: str) -> list[str]:
        return ["--episodes", "1", "--out", str(folder / name)]

    return {
        "bagel_7b": ["--preset", "bagel_7b", "--dtype", "bfloat16", *largest(), *saved("bagel_7b")],
        "mid": ["--preset", "mid", *saved("mid")],
        "embedded": ["--preset", "embedded", *saved("embedded")],
        "cheaper": ["--cheaper", "--prompts", "48", "--json"],
    }


def measure(folder: Path) -> bool:
    """Whether all was measured."""
    failed: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    end, waiting = time.monotonic() + MOST_SECONDS, parts(folder)
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
    sys.exit(0 if measure(Path(sys.argv[1])) else 1)
