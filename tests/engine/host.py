"""What host and device exchange, counted on a CPU, where nothing tells them apart but the calls."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class HostTraffic(TorchDispatchMode):
    """Counts while it is entered: tensors made of the host's values, and values that it asks for."""

    TAKEN = ("aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.given = self.taken = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.given += func.name() == "aten::lift_fresh"
        self.taken += func.name() in self.TAKEN
        return func(*args, **(kwargs or {}))
