"""Weights as the products of a CPU read them: laid out once, not in every product.

A product of matrices copies its weight into panels before it begins, which for the tokens of a picture or two
takes up to a tenth of its time. MKL makes those panels beforehand, too, as torch's own compiler has it do: in
float32, and for a number of rows that is known. So tokens go through in blocks of that many. The numbers are
the same.

Shape suffixes: T tokens, I inputs, O outputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

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


def can_lay_out(layers: Sequence[nn.Linear]) -> bool:
    """Whether there are panels for these layers here: plain ones, in float32, on a CPU with MKL."""
    has_panels = torch.backends.mkl.is_available() and hasattr(torch.ops.mkl, "_mkl_linear")
    return has_panels and all(
        type(layer) is nn.Linear
        and type(layer.weight.data) is torch.Tensor
        and layer.weight.dtype is torch.float32
        and layer.weight.device.type == "cpu"
        for layer in layers
    )


@dataclass(frozen=True, eq=False)
class LaidOut:
    """A product with a weight that is laid out."""

    weight_OI: torch.Tensor
    bias_O: torch.Tensor | None
    panels: torch.Tensor
    """Which nothing but products can read."""

    @classmethod
    def of(cls, weight_OI: torch.Tensor, bias_O: torch.Tensor | None = None) -> "LaidOut":
        return cls(weight_OI, bias_O, torch.ops.mkl._mkl_reorder_linear_weight(weight_OI, ROWS))

    def __call__(self, values_TI: torch.Tensor) -> torch.Tensor:
        """[T, O]. Fewer rows than a block's are multiplied by the weight as it is."""
        return torch.ops.mkl._mkl_linear(values_TI, self.panels, self.weight_OI, self.bias_O, ROWS)


@dataclass(frozen=True, eq=False)
class ExpertPanels:
    """The weights of an expert, laid out."""

    before: LaidOut
    """Attention: queries, keys and values, joined."""
    after: tuple[LaidOut, ...]
    copied: State
    """Which weights those were."""
