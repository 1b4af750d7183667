"""Where a model runs, and in which type of values, when nobody says."""

import textwrap

import torch


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
