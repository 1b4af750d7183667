"""Modules without memory for their weights: names and shapes alone, to be filled or counted.

Torch's meta device would still run every layer's initialiser, on nothing, and for that import its compiler,
which takes longer than all else that loading a small model does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FILLS = {torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.fill_, torch.Tensor.zero_}
"""What the initialisers of layers come down to."""


class _Unfilled(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FILLS or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def hollow() -> Iterator[None]:
    """For the length of the block, modules are made without memory, and what would fill them does nothing."""
    with torch.device("meta"), _Unfilled():
        yield
