"""Random generators in checkpoints, as JSON.

A run's own draws come from generators of its own; these are the global ones, which libraries use.
"""

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from irg.data.prepare import seed_of
from irg.run.parallel import Layout
from irg.run.state import gathered


def seed_rng(seed: int, layout: Layout) -> None:
    """Seed the global generators by a run's seed, differently for each process."""
    _seed(seed_of(seed, "global generators", layout.rank))


def rng_state(layout: Layout) -> list[dict[str, Any]]:
    """The state of every process's global generators, by rank: Python's, NumPy's, torch's, and the GPU's.

    All processes call it, and get the same.
    """
    return gathered(_own_state(layout.device))


def restore_rng(states: Sequence[dict[str, Any]], layout: Layout) -> None:
    """Give this process its generators back. One that was not among those saved gets seeds derived from them.

    Raises ValueError where the states are not what `rng_state` returns.
    """
    if not states:
        raise ValueError("no states of random generators, expected at least that of one process")
    state = states[layout.rank % len(states)]
    seed = _derived(state, layout.rank)
    try:
        if layout.rank < len(states):
            version, numbers, spare = state["python"]
            random.setstate((version, tuple(numbers), spare))
            np.random.set_state(state["numpy"] | {"state": _numpy_words(state["numpy"]["state"])})
            torch.set_rng_state(decoded(state["torch"]))
        else:
            _seed(seed)
        if layout.device.type == "cuda":
            # A run that was saved on a CPU has no state of a GPU.
            gpu = state["cuda"] if layout.rank < len(states) else None
            if gpu is None:
                torch.cuda.manual_seed(seed)
            else:
                torch.cuda.set_rng_state(decoded(gpu), layout.device)
    except (KeyError, TypeError, ValueError, RuntimeError) as wrong:
        raise ValueError(f"the saved state of the random generators is damaged: {wrong!r}") from wrong


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)  # the GPU's too


def _own_state(device: torch.device) -> dict[str, Any]:
    version, numbers, spare = random.getstate()
    twister: dict[str, Any] = dict(np.random.get_state(legacy=False))
    return {
        "python": [version, list(numbers), spare],
        "numpy": twister
        | {"state": {"key": twister["state"]["key"].tolist(), "pos": twister["state"]["pos"]}},
        "torch": encoded(torch.get_rng_state()),
        "cuda": encoded(torch.cuda.get_rng_state(device)) if device.type == "cuda" else None,
    }


def _numpy_words(state: dict[str, Any]) -> dict[str, Any]:
    return {"key": np.array(state["key"], np.uint32), "pos": state["pos"]}


def _derived(state: dict[str, Any], rank: int) -> int:
    digest = hashlib.sha256(f"{json.dumps(state, sort_keys=True)} {rank}".encode())
    return int.from_bytes(digest.digest()[:7])


def encoded(state: torch.Tensor) -> str:
    """The state of a torch generator as text."""
    return base64.b64encode(state.numpy().tobytes()).decode()


def decoded(text: str) -> torch.Tensor:
    """The inverse of `encoded`."""
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
