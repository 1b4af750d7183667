import copy
from importlib.util import find_spec

import pytest
import torch

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import PaddedAttend, UnifiedModel
from irg.model.low_bit import Quantize, as_held, decoded, is_quantized, quantize
from tests.samples import Sampler

KINDS = (
    pytest.param(
        Quantize.NF4,
        marks=pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="NF4 is bitsandbytes'"),
    ),
    Quantize.INT8,
    Quantize.FP8_MATMUL,
)
MOST_OFF = {Quantize.NF4: 0.3, Quantize.INT8: 0.03, Quantize.FP8_MATMUL: 0.2}
"""Of the largest velocity."""


@pytest.fixture
def row(sampler: Sampler, special: SpecialTokens) -> Packed:
    return pack([Document((sampler.text(5), sampler.image(Kind.NOISY, 2, 2)))], special)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_few_bits_draws_nearly_the_same(model: UnifiedModel, row: Packed, kind: Quantize) -> None:
    twin = copy.deepcopy(model)
    quantize(twin, kind)
    with torch.inference_mode():
        exact, near = (one.velocity(row, PaddedAttend(row)) for one in (model, twin))
    assert 0 < (exact - near).abs().max() < MOST_OFF[kind] * exact.abs().max()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_of_a_weight_is_known_without_a_model(model: UnifiedModel, kind: Quantize) -> None:
    twin = copy.deepcopy(model)
    quantize(twin, kind)
    for name, weight in model.named_parameters():
        expected = as_held(weight.detach(), kind) if is_quantized(name) else weight
        path, _, leaf = name.rpartition(".")
        assert torch.equal(decoded(getattr(twin.get_submodule(path), leaf)), expected), name


def test_none_leaves_everything_as_it_is(model: UnifiedModel) -> None:
    twin = copy.deepcopy(model)
    quantize(twin, Quantize.NONE)
    assert all(
        torch.equal(one, other) for one, other in zip(twin.parameters(), model.parameters(), strict=True)
    )
