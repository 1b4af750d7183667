"""Muon for matrices that may be sharded over processes.

`torch.optim.Muon` multiplies sharded matrices shard by shard, and rounds differently on each layout. Here a
matrix is gathered and orthogonalised whole, by one process of those that share it, so that the layout
changes nothing but the time it takes. (Jordan et al. 2024, "Muon: an optimizer for hidden layers")
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, Replicate, Shard

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration; chosen for a steep slope at zero rather than for convergence to exactly one."""
_ITERATIONS = 5
_SMALLEST = 1e-7


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest half-orthogonal matrix, roughly: singular values between 0.5 and 1.5. In bfloat16."""
    a, b, c = _COEFFICIENTS
    result = matrix.bfloat16()
    tall = result.shape[0] > result.shape[1]
    result = result.T if tall else result
    result = result / result.norm().clamp(min=_SMALLEST)
    for _ in range(_ITERATIONS):
        gram = result @ result.T
        result = torch.addmm(result, torch.addmm(gram, gram, gram, beta=b, alpha=c), result, beta=a)
    return result.T if tall else result


class Muon(torch.optim.Optimizer):
    """Momentum (Nesterov's) whose orthogonalised matrices are the updates.

    Wide and tall matrices move alike: the rate is scaled by sqrt(rows / columns) where that is above 1.
    Matrices without a gradient stay as they are. All processes must agree on which have one.
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        shapes = [tuple(matrix.shape) for group in self.param_groups for matrix in group["params"]]
        if wrong := [shape for shape in shapes if len(shape) != 2]:
            raise ValueError(f"Muon takes matrices, got parameters of shapes {wrong}")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert closure is None, "no loss is evaluated anew"
        for group in self.param_groups:
            moving = [matrix for matrix in group["params"] if matrix.grad is not None]
            together = _num_sharing(moving)
            for start in range(0, len(moving), together):
                self._move(moving[start : start + together], group)

    def _move(self, matrices: Sequence[nn.Parameter], group: dict[str, Any]) -> None:
        directions = [self._direction(matrix, group["momentum"]) for matrix in matrices]
        for matrix, update in zip(matrices, _orthogonalised_together(directions), strict=True):
            rows, columns = matrix.shape
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)

    def _direction(self, matrix: nn.Parameter, momentum: float) -> torch.Tensor:
        assert matrix.grad is not None
        state: dict[str, Any] = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix.grad)
        state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(state["momentum_buffer"], momentum)


def _num_sharing(matrices: Sequence[torch.Tensor]) -> int:
    """How many processes hold a shard of each matrix, and so can orthogonalise one each."""
    groups = [_shard_group(matrix) for matrix in matrices]
    sizes = {1 if group is None else group.size() for group in groups}
    if len(sizes) > 1:
        raise ValueError(f"Muon takes matrices that are all split alike, got splits into {sorted(sizes)}")
    return max(sizes, default=1)


def _orthogonalised_together(directions: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Each matrix orthogonalised, the k-th by the k-th of the processes that share it; laid out as given."""
    whole, updates = [_whole(direction) for direction in directions], []
    for turn, matrix in enumerate(whole):
        group = _shard_group(directions[turn])
        mine = group is None or dist.get_rank(group) == turn
        updates.append(orthogonalised(matrix) if mine else torch.empty_like(matrix, dtype=torch.bfloat16))
    for turn, (direction, update) in enumerate(zip(directions, updates, strict=True)):
        if (group := _shard_group(direction)) is not None:
            updates[turn] = update.contiguous()
            dist.broadcast(updates[turn], group=group, group_src=turn)
    return [_laid_out_like(direction, update) for direction, update in zip(directions, updates, strict=True)]


def _shard_group(matrix: torch.Tensor) -> dist.ProcessGroup | None:
    """The processes among which a matrix is split; None where this process holds all of it."""
    if not isinstance(matrix, DTensor):
        return None
    split = [axis for axis, placement in enumerate(matrix.placements) if isinstance(placement, Shard)]
    if len(split) > 1:
        raise ValueError(f"Muon takes matrices that are split along one mesh axis, got {matrix.placements}")
    if not split or matrix.device_mesh.size(split[0]) == 1:
        return None
    return matrix.device_mesh.get_group(split[0])


def _whole(matrix: torch.Tensor) -> torch.Tensor:
    return matrix.full_tensor() if isinstance(matrix, DTensor) else matrix


def _laid_out_like(matrix: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Every process cuts its own shard out of what all of them hold; nothing is sent."""
    if not isinstance(matrix, DTensor):
        return whole
    mesh = matrix.device_mesh
    everywhere = DTensor.from_local(whole, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return everywhere.redistribute(mesh, matrix.placements)
