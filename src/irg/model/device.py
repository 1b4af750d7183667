"""Where a model runs, and in which type of values, when nobody says."""

import textwrap
from pathlib import Path

import torch

_MACHINE = Path("/proc/meminfo")


def usual_device(device: torch.device | str | None = None) -> torch.device:
    """`device`, or for None a GPU if there is one and else the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def usable_device(device: torch.device | str | None = None) -> torch.device:
    """The same, tried out. Raises ValueError for one that is none, or not here."""
    try:
        place = usual_device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as unusable:
        reason = textwrap.shorten(str(unusable).strip().partition("\n")[0], 120, placeholder=" ...")
        raise ValueError(f"device {str(device)!r} cannot be used here: {reason}") from unusable
    if place.type == "meta":
        raise ValueError("device 'meta' holds no numbers: expected one that computes")
    return place


def usual_dtype(device: torch.device) -> torch.dtype:
    """The type that weights are held and computed in for inference: float32 on a CPU, else bfloat16."""
    return torch.float32 if device.type == "cpu" else torch.bfloat16


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a GPU, or on the machine for what runs on its CPU; None where nothing tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "cpu" and _MACHINE.exists():
        for line in _MACHINE.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def is_out_of_memory(error: Exception) -> bool:
    """Also of torch and safetensors, which on a CPU have nothing but a RuntimeError for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
