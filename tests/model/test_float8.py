import pytest
import torch
from torch import nn

from irg.model.float8 import Float8Linear, as_float8, check_float8

CPU = torch.device("cpu")


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (1,)])
def test_products_are_those_of_what_is_left_of_both(shape: tuple[int, ...], has_bias: bool) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer, values = nn.Linear(64, 48, has_bias), torch.randn(*shape, 64)
    near = Float8Linear(layer)
    codes, scale = as_float8(values.flatten(0, -2))
    naive = (codes.float() * scale) @ near.weight.t() + (layer.bias if has_bias else 0.0)
    with torch.inference_mode():
        product = near(values)
    assert product.shape == (*shape, 48)
    assert torch.allclose(product.flatten(0, -2), naive, rtol=0, atol=1e-4)
    assert 0 < (product - layer(values)).abs().max() < 0.1 * layer(values).abs().max()


def test_rows_have_scales_of_their_own() -> None:
    values = torch.tensor([[1e-3, -2e-3], [300.0, 100.0], [0.0, 0.0]])
    codes, scale = as_float8(values)
    assert torch.allclose(codes.float() * scale, values, rtol=0.07, atol=0)
    assert codes.float().isfinite().all() and codes.float().abs().amax(dim=1).tolist() == [448, 448, 0]


def test_a_device_that_cannot_is_told() -> None:
    with pytest.raises(ValueError, match="--weights fp8_matmul multiplies in float8, which cpu cannot"):
        check_float8(CPU, torch.bfloat16)


def test_another_type_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    check_float8(torch.device("cuda"), torch.bfloat16)
    with pytest.raises(ValueError, match="fp8_matmul gives bfloat16, not float32"):
        check_float8(torch.device("cuda"), torch.float32)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    with pytest.raises(ValueError, match=r"which cuda cannot: expected a GPU of compute capability 8\.9"):
        check_float8(torch.device("cuda"), torch.bfloat16)
