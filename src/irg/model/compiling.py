"""Compiled pieces of a model, by torch's compiler: for each kind of shape once, and kept on disk.

What is compiled is what an expert does to a stream before and after attention, without gradients: norms,
rotations and gates then go with the products that they stand beside.
"""

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch

_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""The variable by which torch is told where to keep what it has compiled."""
Function = TypeVar("Function", bound=Callable[..., object])
_compiled: dict[Callable[..., object], Any] = {}
_MOST_KINDS = 64
"""Of shapes, of all models in a process: a model has about three in each type of values. Torch stops at eight
unless it is told otherwise, and what must be one graph fails there."""


def check_compiler(device: torch.device) -> None:
    """Raise ValueError where there is nothing to compile with."""
    if device.type == "cuda":
        if find_spec("triton") is None:
            raise ValueError(
                "nothing to compile with: on a GPU steps are compiled by triton, which is missing"
            )
    elif shutil.which(compiler := os.environ.get("CXX", "g++")) is None:
        raise ValueError(f"nothing to compile with: there is no C++ compiler {compiler!r} (variable CXX)")


def keep_compiled() -> Path:
    """Where torch keeps what it has compiled for other runs to find, unless it was told already."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(os.environ.setdefault(_FOLDER, str(root / "irg" / "compiled")))


def compiled_whole(run: Function) -> Function:
    """The function compiled, which must be one graph: once for all who ask."""
    if run not in _compiled:
        import torch._dynamo

        limits = torch._dynamo.config
        limits.recompile_limit = max(limits.recompile_limit, _MOST_KINDS)
        _compiled[run] = torch.compile(run, fullgraph=True)
    return _compiled[run]
