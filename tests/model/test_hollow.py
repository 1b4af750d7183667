import torch
from torch import nn

from irg.model import UnifiedModel, tiny
from irg.model.hollow import hollow


def test_names_and_shapes_are_those_of_the_real_one() -> None:
    real = UnifiedModel(tiny())
    with hollow():
        empty = UnifiedModel(tiny())
    assert [(name, one.shape, one.dtype) for name, one in empty.state_dict().items()] == [
        (name, one.shape, one.dtype) for name, one in real.state_dict().items()
    ]
    assert all(one.is_meta for one in empty.state_dict().values())


def test_afterwards_modules_are_filled_again() -> None:
    with hollow():
        nn.LayerNorm(4)
    norm, layer = nn.LayerNorm(4), nn.Linear(4, 4)
    assert torch.equal(norm.weight, torch.ones(4)) and not layer.weight.is_meta
    assert layer.weight.std() > 0
    assert torch.equal(torch.empty(3).fill_(2.0), torch.full((3,), 2.0))
