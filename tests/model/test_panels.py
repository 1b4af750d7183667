import pytest
import torch
from torch.nn import functional

from irg.model.panels import ROWS, LaidOut, can_lay_out, state_of

plain = torch.nn.Linear(24, 40).requires_grad_(False)


@pytest.mark.skipif(not can_lay_out([plain]), reason="products of this machine are not those of MKL")
@pytest.mark.parametrize("num", [1, ROWS - 1, ROWS, ROWS + 1])
def test_a_product_is_what_it_is_without(num: int) -> None:
    values = torch.randn(num, 24, generator=torch.Generator().manual_seed(0))
    for bias in (None, plain.bias):
        expected = functional.linear(values, plain.weight, bias)
        assert torch.allclose(LaidOut.of(plain.weight, bias)(values), expected, rtol=1e-5, atol=1e-6)


def test_only_plain_layers_in_float32_are_laid_out() -> None:
    class Other(torch.nn.Linear):
        pass

    assert not can_lay_out([torch.nn.Linear(2, 2).double()])
    assert not can_lay_out([torch.nn.Linear(2, 2).bfloat16()])
    assert not can_lay_out([torch.nn.Linear(2, 2, device="meta")])
    assert not can_lay_out([plain, Other(2, 2)])


def test_a_state_changes_with_what_is_written_and_where_it_lies() -> None:
    weight = torch.zeros(2)
    before = state_of([weight])
    assert state_of([weight]) == before != state_of([torch.zeros(2)])
    weight.add_(1)
    assert state_of([weight]) != before
    with torch.inference_mode():
        assert state_of([torch.zeros(2)])[0][1] == 0
