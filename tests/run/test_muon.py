"""Orthogonalised updates."""

import pytest
import torch
from torch import nn

from irg.run.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (16, 16)])
def test_muon_moves_as_torchs_does(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = nn.Parameter(torch.randn(shape, generator=generator))
    theirs = nn.Parameter(ours.detach().clone())
    one = Muon([ours], 0.1, weight_decay=0.2)
    other = torch.optim.Muon([theirs], 0.1, weight_decay=0.2)
    for _ in range(3):
        ours.grad = torch.randn(shape, generator=generator)
        theirs.grad = ours.grad.clone()
        one.step()
        other.step()
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    matrix = torch.randn(20, 50, generator=torch.Generator().manual_seed(0)) * 1e3
    singular = torch.linalg.svdvals(orthogonalised(matrix).float())
    assert singular.min() > 0.4 and singular.max() < 1.6


def test_muon_takes_matrices_only() -> None:
    with pytest.raises(ValueError, match=r"got parameters of shapes \[\(3,\)\]"):
        Muon([nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(3))], 0.1)
