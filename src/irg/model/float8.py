"""Linear layers that multiply in float8, on GPUs that do so at twice the rate of bfloat16.

Weights have a scale per output, and what comes in one per token, found as it comes.

Shape suffixes: N tokens, I inputs, O outputs.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import nn

LEAST_CAPABILITY = (8, 9)
"""Ada and Hopper are the first generations of GPUs that multiply in float8."""
_TYPE = torch.float8_e4m3fn
_LEAST_SCALE = 1e-12
"""Of a row of zeros."""


def check_float8(device: torch.device, dtype: torch.dtype) -> None:
    """Raise ValueError where products in float8 cannot be had."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        raise ValueError(
            f"--weights fp8_matmul multiplies in float8, which {device} cannot: expected a GPU of compute "
            "capability 8.9 or newer; fp8 only holds weights so"
        )
    if dtype is not torch.bfloat16:
        raise ValueError(f"--weights fp8_matmul gives bfloat16, not {str(dtype).removeprefix('torch.')}")


class Float8Linear(nn.Module):
    """A linear layer whose product is computed in float8."""

    codes_OI: torch.Tensor
    scale_1O: torch.Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        codes_OI, scale_O1 = as_float8(layer.weight.detach())
        self.register_buffer("codes_OI", codes_OI)
        self.register_buffer("scale_1O", scale_O1.t().contiguous())
        self.bias = layer.bias

    @property
    def weight(self) -> torch.Tensor:
        """[O, I]: what is left of the weight, in float32."""
        return self.codes_OI.float() * self.scale_1O.t()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        # By itself each of its operations would read and write as much as the product does.
        convert = _compiled() if values.is_cuda else as_float8
        codes_NI, scale_N1 = convert(values.flatten(0, -2))
        product_NO = torch._scaled_mm(  # pyright: ignore[reportPrivateImportUsage]
            codes_NI,
            self.codes_OI.t(),
            scale_a=scale_N1,
            scale_b=self.scale_1O,
            bias=self.bias,
            out_dtype=values.dtype,
            use_fast_accum=True,
        )
        return product_NO.unflatten(0, values.shape[:-1])


def as_float8(values_NI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[N, I] in float8, and [N, 1]: what each row is to be multiplied by."""
    most_N1 = values_NI.abs().amax(dim=-1, keepdim=True).float()
    scale_N1 = (most_N1 / torch.finfo(_TYPE).max).clamp_(min=_LEAST_SCALE)
    return (values_NI / scale_N1).to(_TYPE), scale_N1


@cache
def _compiled() -> Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    return torch.compile(as_float8, dynamic=True)
