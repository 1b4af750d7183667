"""Weights as the products of a CPU read them: laid out once, not in every product.

A product of matrices copies its weight into panels before it begins, which for the tokens of a picture or two
takes up to a tenth of its time. MKL makes those panels beforehand, too, as torch's own compiler has it do: in
float32, and for a number of rows that is known. So tokens go through in blocks of that many.

They are of use to bfloat16 even more where a CPU has no tiles (AMX) for it: its products go at half the rate
of those in float32 there. Its values are exact in float32, and each result is rounded once, as it is without.

Shape suffixes: T tokens, I inputs, O outputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

ROWS = 256
"""Of a block: from about here on a product's rate depends on its rows no more."""
MOST_BYTES = 1 << 30
"""Of a model's weights that are held a second time so. Larger models draw larger pictures, whose products
lose less by themselves."""

Product = Callable[[torch.Tensor], torch.Tensor]
State = tuple[tuple[int, int], ...]
"""Where some weights lie, and how often each was written to."""


def state_of(weights: Sequence[torch.Tensor]) -> State:
    return tuple((one.data_ptr(), 0 if one.is_inference() else one._version) for one in weights)


def laid_out_types() -> tuple[torch.dtype, ...]:
    """Of the weights for which there are panels here that pay."""
    if not torch.backends.mkl.is_available() or not hasattr(torch.ops.mkl, "_mkl_linear"):
        return ()
    has_tiles = torch.cpu._is_amx_tile_supported()
    return (torch.float32,) if has_tiles else (torch.float32, torch.bfloat16)


def can_lay_out(layers: Sequence[nn.Linear]) -> bool:
    """Whether there are panels for these layers: plain ones, on a CPU, in a type that pays here."""
    return all(
        type(layer) is nn.Linear
        and type(layer.weight.data) is torch.Tensor
        and layer.weight.dtype in laid_out_types()
        and layer.weight.device.type == "cpu"
        for layer in layers
    )


@dataclass(frozen=True, eq=False)
class LaidOut:
    """A product with a weight that is laid out."""

    weight_OI: torch.Tensor
    bias_O: torch.Tensor | None
    panels: torch.Tensor
    """In float32; nothing but products can read them."""
    shape_OI: torch.Tensor
    """Has the weight's shape, and float32's type."""

    @classmethod
    def of(cls, weight_OI: torch.Tensor, bias_O: torch.Tensor | None = None) -> "LaidOut":
        exact_OI = weight_OI.float()
        panels = torch.ops.mkl._mkl_reorder_linear_weight(exact_OI, ROWS)
        return cls(weight_OI, bias_O, panels, exact_OI.new_empty(1, 1).expand_as(exact_OI))

    def __call__(self, values_TI: torch.Tensor) -> torch.Tensor:
        """[T, O]. Other rows than a block's are multiplied by the weight as it is."""
        if len(values_TI) != ROWS:
            return functional.linear(values_TI, self.weight_OI, self.bias_O)
        bias_O = None if self.bias_O is None else self.bias_O.float()
        made = torch.ops.mkl._mkl_linear(values_TI.float(), self.panels, self.shape_OI, bias_O, ROWS)
        return made.to(values_TI.dtype)


@dataclass(frozen=True, eq=False)
class ExpertPanels:
    """The weights of an expert, laid out."""

    before: LaidOut
    """Attention: queries, keys and values, joined."""
    after: tuple[LaidOut, ...]
    copied: State
    """Which weights those were."""
