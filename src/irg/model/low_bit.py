"""The experts' projections in few bits: NF4 (bitsandbytes), int8 or float8 (torchao).

All for inference, and NF4 and int8 for training adapters over them.
"""

import re
from enum import StrEnum
from typing import Any

import torch
from torch import nn

from irg.model.expert import Expert
from irg.model.float8 import Float8Linear

_PROJECTION = re.compile(r"decoder\.layers\.\d+\.\w+\.(query|key|value|output|gate|up|down)\.weight")


class Quantize(StrEnum):
    """How the experts' projections are held, adapted or not."""

    NONE = "none"
    NF4 = "nf4"
    """4 bits, and 8 for the scale of every 64 values."""
    INT8 = "int8"
    """8 bits, and a scale per output."""
    FP8 = "fp8"
    """Numbers of 8 bits, 4 of them for the exponent, and a scale per output."""
    FP8_MATMUL = "fp8_matmul"
    """The same, and products are computed in it (`irg.model.float8`)."""


def quantize(model: nn.Module, kind: Quantize, device: torch.device | None = None) -> None:
    """Hold the projections of all experts in few bits, in place.

    They are quantised on `device` (None: where they are) and stay there, one by one, so that the whole model
    need not fit.
    """
    if kind is Quantize.NONE:
        return
    convert = _CONVERT[kind]
    for expert in (module for module in model.modules() if isinstance(module, Expert)):
        for name, layer in list(expert.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(expert, name, convert(layer.to(device) if device is not None else layer))


def quantize_weight(model: nn.Module, name: str, weight: torch.Tensor, kind: Quantize) -> None:
    """Put a weight of this name, which `is_quantized`, into its place in few bits. A bias stays as it is."""
    path = name.removesuffix(".weight")
    owner, _, leaf = path.rpartition(".")
    layer = model.get_submodule(path)
    assert isinstance(layer, nn.Linear)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    setattr(model.get_submodule(owner), leaf, _CONVERT[kind](layer))


def is_quantized(name: str) -> bool:
    """Whether `quantize` holds the weight of this name, of a plain `UnifiedModel`, in few bits."""
    return _PROJECTION.fullmatch(name) is not None


def as_held(weight: torch.Tensor, kind: Quantize) -> torch.Tensor:
    """What is left of a projection's weight once it has been held in few bits."""
    if kind is Quantize.NONE:
        return weight
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias=False, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return decoded(_CONVERT[kind](layer).weight).detach()


def decoded(tensor: torch.Tensor) -> torch.Tensor:
    """The values of a tensor of few bits; any other as it is."""
    if (packing := getattr(tensor, "quant_state", None)) is not None:
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(tensor.data, packing)
    return tensor.dequantize() if hasattr(tensor, "qdata") else tensor


def _to_nf4(layer: nn.Linear) -> nn.Linear:
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    weight, bias = layer.weight.detach(), layer.bias
    quantized: Any = Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=bias is not None,
        compute_dtype=weight.dtype,
        quant_type="nf4",
        device="meta",  # pyright: ignore[reportArgumentType] - not annotated
    )
    make: Any = Params4bit  # its arguments are those of __new__, which checkers do not find
    packed = make(weight, requires_grad=False, quant_type="nf4", module=quantized)
    quantized.weight = packed.to(weight.device)
    quantized.bias = bias
    # On some CPUs a forward without gradients would repack the weights for good.
    quantized.support_avx512bf16_for_cpu = False
    return quantized


def _to_int8(layer: nn.Linear) -> nn.Linear:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    quantize_(layer, Int8WeightOnlyConfig())
    return layer


def _to_fp8(layer: nn.Linear) -> nn.Linear:
    from torchao.quantization import Float8WeightOnlyConfig, quantize_

    quantize_(layer, Float8WeightOnlyConfig(set_inductor_config=False))
    return layer


_CONVERT = {
    Quantize.NF4: _to_nf4,
    Quantize.INT8: _to_int8,
    Quantize.FP8: _to_fp8,
    Quantize.FP8_MATMUL: Float8Linear,
}
