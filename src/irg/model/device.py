"""Where a model runs, and in which type of values, when nobody says."""

import torch


def usual_device(device: torch.device | str | None = None) -> torch.device:
    """`device`, or for None a GPU if there is one and else the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def usual_dtype(device: torch.device) -> torch.dtype:
    """The type that weights are held and computed in for inference: float32 on a CPU, else bfloat16."""
    return torch.float32 if device.type == "cpu" else torch.bfloat16
