import pytest
import torch
from torch.nn import functional

from irg.model.panels import ROWS, LaidOut, can_lay_out, laid_out_types, state_of

EXACT = {torch.float32: 1e-6, torch.bfloat16: 2e-2}


def layer(dtype: torch.dtype) -> torch.nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Linear(24, 40).to(dtype).requires_grad_(False)


@pytest.mark.parametrize("dtype", laid_out_types())
@pytest.mark.parametrize("num", [1, ROWS - 1, ROWS, ROWS + 1])
def test_a_product_is_what_it_is_without(num: int, dtype: torch.dtype) -> None:
    values = torch.randn(num, 24, generator=torch.Generator().manual_seed(0)).to(dtype)
    plain = layer(dtype)
    for bias in (None, plain.bias):
        expected = functional.linear(values, plain.weight, bias)
        made = LaidOut.of(plain.weight, bias)(values)
        assert made.dtype is dtype
        assert torch.allclose(made, expected, rtol=EXACT[dtype], atol=EXACT[dtype])


@pytest.mark.skipif(not laid_out_types(), reason="products of this machine are not those of MKL")
def test_only_plain_layers_in_types_that_pay_are_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(torch.nn.Linear):
        pass

    plain = layer(torch.float32)
    assert can_lay_out([plain])
    assert not can_lay_out([plain.double()]) and not can_lay_out([layer(torch.float16)])
    assert not can_lay_out([torch.nn.Linear(2, 2, device="meta")])
    assert not can_lay_out([layer(torch.float32), Other(2, 2)])
    for has_tiles in (False, True):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda own=has_tiles: own)
        assert can_lay_out([layer(torch.float32)])
        assert can_lay_out([layer(torch.bfloat16)]) != has_tiles


def test_a_state_changes_with_what_is_written_and_where_it_lies() -> None:
    weight = torch.zeros(2)
    before = state_of([weight])
    assert state_of([weight]) == before != state_of([torch.zeros(2)])
    weight.add_(1)
    assert state_of([weight]) != before
    with torch.inference_mode():
        assert state_of([torch.zeros(2)])[0][1] == 0
