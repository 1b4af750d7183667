import copy
import math

import pytest
import torch
from torch.nn import functional

from irg.model import UnifiedModel
from irg.model.embeddings import PositionTable, sincos_table
from irg.model.expert import RMSNorm
from irg.model.rope import rope_table, rotate, turning


def test_the_table_by_hand() -> None:
    """Width 8: two frequencies, 1 and 1/100; column first, sines before cosines."""
    table = sincos_table(8, side=3)
    row, column = 2, 1
    expected = [
        *(math.sin(column), math.sin(column / 100), math.cos(column), math.cos(column / 100)),
        *(math.sin(row), math.sin(row / 100), math.cos(row), math.cos(row / 100)),
    ]
    assert table.shape == (9, 8)
    assert table[row * 3 + column].tolist() == pytest.approx(expected, abs=1e-7)


def test_a_rounded_table_can_be_reset() -> None:
    table = PositionTable(8, side=4)
    exact = table.table.clone()  # type: ignore[operator]
    table.table.copy_(exact.bfloat16())  # type: ignore[operator]
    assert not torch.equal(table(torch.tensor([3]), torch.tensor([2]))[0], exact[14])
    table.reset()
    assert torch.equal(table(torch.tensor([3]), torch.tensor([2]))[0], exact[14])


def test_far_positions_keep_their_angle_in_bfloat16() -> None:
    positions = torch.tensor([0, 1, 1000, 30_000])
    for low, exact in zip(
        rope_table(positions, 16, 1e6, torch.bfloat16),
        rope_table(positions, 16, 1e6, torch.float64),
        strict=True,
    ):
        assert low.dtype is torch.bfloat16
        assert (low.double() - exact).abs().max() < 5e-3


def test_rotation_depends_on_distance_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, 1, 16, generator=generator, dtype=torch.float64) for _ in range(2))

    def score(query_position: int, key_position: int) -> float:
        ropes = [
            turning(rope_table(torch.tensor([place]), 16, 1e6, torch.float64))
            for place in (query_position, key_position)
        ]
        return (rotate(query, ropes[0]) * rotate(key, ropes[1])).sum().item()

    assert score(7, 3) == pytest.approx(score(1007, 1003), rel=1e-9)
    assert score(7, 3) != pytest.approx(score(7, 4), rel=1e-3)


def test_the_norm_is_computed_in_float32() -> None:
    norm = RMSNorm(64, 1e-6).bfloat16()
    hidden = torch.randn(5, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = hidden.double() / hidden.double().square().mean(-1, keepdim=True).sqrt()
    assert torch.equal(norm(hidden), expected.bfloat16())


def test_times_are_not_rounded_before_their_features(model: UnifiedModel) -> None:
    low = copy.deepcopy(model.timestep).bfloat16()
    time = torch.tensor([0.7071])

    def by_hand(time: torch.Tensor) -> torch.Tensor:
        angle = time.double()[:, None] * 10000.0 ** -(torch.arange(128).double() / 128)
        features = torch.cat([angle.cos(), angle.sin()], dim=-1).bfloat16()
        return low.down(functional.silu(low.up(features)))

    assert torch.equal(low(time), by_hand(time))
    assert not torch.equal(low(time), by_hand(time.bfloat16()))
