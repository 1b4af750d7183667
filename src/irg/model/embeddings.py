"""Fixed sin-cos position tables and the timestep embedder."""

import torch
from torch import nn
from torch.nn import functional

NUM_FREQUENCIES = 256
"""Width of the timestep's sinusoidal features (DiT, and so BAGEL)."""


def sincos_table(width: int, side: int) -> torch.Tensor:
    """[side * side, width] table: of each place the first half encodes the column, the second half the row.

    Each half is sines and then cosines. Computed in float64, returned in float32.
    """
    quarter = width // 4
    frequency = 10000.0 ** -(torch.arange(quarter, dtype=torch.float64) / quarter)
    angle = torch.arange(side, dtype=torch.float64)[:, None] * frequency
    line = torch.cat([angle.sin(), angle.cos()], dim=1)
    column = line.repeat(side, 1)
    row = line.repeat_interleave(side, dim=0)
    return torch.cat([column, row], dim=1).float()


class PositionTable(nn.Module):
    """A fixed table that checkpoints carry along, rounded to their own precision."""

    table: torch.Tensor

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.register_buffer("table", torch.empty(side * side, width))
        if not self.table.is_meta:  # whose arithmetic would bring in torch's compiler
            self.reset()

    def forward(self, row_N: torch.Tensor, column_N: torch.Tensor) -> torch.Tensor:
        return self.table[row_N * self.side + column_N]

    def reset(self) -> None:
        """Back to the exact values: what training uses, while inference keeps the checkpoint's."""
        self.table.copy_(sincos_table(self.table.shape[1], self.side))


def reset_positions(module: nn.Module) -> None:
    """Training computes the position tables of a model exactly; checkpoints carry them rounded."""
    for table in module.modules():
        if isinstance(table, PositionTable):
            table.float()
            table.reset()


class TimestepEmbedding(nn.Module):
    """Sinusoidal features of t in [0, 1] itself (not times 1000), cosines first, and a two-layer MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(NUM_FREQUENCIES, width)
        self.down = nn.Linear(width, width)

    def forward(self, timestep_M: torch.Tensor) -> torch.Tensor:
        exact = torch.promote_types(self.up.weight.dtype, torch.float32)
        half = NUM_FREQUENCIES // 2
        exponent = torch.arange(half, device=timestep_M.device, dtype=exact) / half
        angle = timestep_M.to(exact)[:, None] * 10000.0**-exponent
        features = torch.cat([angle.cos(), angle.sin()], dim=-1).to(self.up.weight.dtype)
        return self.down(functional.silu(self.up(features)))
