"""The estimate against what autograd really holds on to, layer by layer."""

import gc
import warnings
from dataclasses import replace

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import ModelConfig, UnifiedModel
from irg.model.attention import Attended, Projected, in_expert_order
from irg.run.activations import Arithmetic, arithmetic_of, kept_by_forward
from irg.run.flops import RowCounts
from irg.run.losses import ModelLosses
from irg.run.parallel import Checkpointing, Layout, ParallelSettings, Precision, arithmetic, lay_out
from tests.samples import Sampler

SETTINGS = {
    "float32": ParallelSettings(),
    "bfloat16": ParallelSettings(precision=Precision.BFLOAT16, master=Precision.BFLOAT16),
    "autocast": ParallelSettings(precision=Precision.AUTOCAST),
}
ALONE = Layout(0, 1, torch.device("cpu"))


class _Fused(torch.autograd.Function):
    """Keeps what a fused attention keeps: its arguments and its result."""

    @staticmethod
    def forward(  # type: ignore[override]
        context: torch.autograd.function.FunctionCtx,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
    ) -> torch.Tensor:
        output = query.clone()
        context.save_for_backward(query, key, value, output)
        return output


class FusedAttend:
    """In row order, as FlexAttention is, but without its attention: that has no backward on a CPU."""

    def __init__(self, packed: Packed) -> None:
        self.order_T = torch.cat([packed.understanding_index_U, packed.latent_index_M])

    def __call__(self, layer: int, understood: Projected | None, generated: Projected | None) -> Attended:
        return in_expert_order(self._attend, (understood, generated))

    def _attend(
        self, query_THK: torch.Tensor, key_TGK: torch.Tensor, value_TGK: torch.Tensor
    ) -> torch.Tensor:
        rows = []
        for values in (query_THK, key_TGK, value_TGK):
            row = torch.zeros_like(values)
            row[self.order_T] = values
            rows.append(row)
        return _Fused.apply(*rows)[self.order_T]  # type: ignore[no-any-return, no-untyped-call]


@pytest.fixture
def row(sampler: Sampler, special: SpecialTokens) -> Packed:
    segments = (
        sampler.text(60),
        sampler.image(Kind.CLEAN, 8, 8),
        sampler.image(Kind.VIEW, 10, 10),
        sampler.text(30, loss=True),
        sampler.image(Kind.NOISY, 8, 8, target=True),
    )
    return pack([Document(segments)], special)


def tensors() -> list[torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking at every object wakes up deprecated ones
        found = [one for one in gc.get_objects() if type(one) in (torch.Tensor, torch.nn.Parameter)]
    return [one for one in found if one.dtype is not torch.uint8]  # states of random generators


def held(config: ModelConfig, row: Packed, parallel: ParallelSettings) -> int:
    """Bytes that a forward leaves behind. Selective checkpointing has a store beside autograd's."""
    model = UnifiedModel(config)
    if parallel.master is Precision.BFLOAT16:
        model = model.bfloat16()
        model.latent_positions.float()
        model.view_positions.float()
    objective = ModelLosses(model)
    lay_out(objective, objective.layers, ALONE, parallel)
    selective = parallel.checkpointing is Checkpointing.SELECTIVE
    before = {one.untyped_storage().data_ptr() for one in (tensors() if selective else model.parameters())}
    found: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor), arithmetic(ALONE, parallel):
        losses = objective(row, FusedAttend(row))
    found |= {one.untyped_storage().data_ptr(): one for one in (tensors() if selective else ())}
    assert losses.text_N.requires_grad
    return sum(one.untyped_storage().nbytes() for place, one in found.items() if place not in before)


def estimated(config: ModelConfig, row: Packed, parallel: ParallelSettings) -> tuple[int, int]:
    kept = kept_by_forward(config, RowCounts.of(row), parallel, arithmetic_of(parallel, 1))
    return kept.decoder, kept.vision


@pytest.mark.parametrize("kind", Checkpointing)
@pytest.mark.parametrize("types", SETTINGS)
def test_layers_keep_what_is_estimated(
    config: ModelConfig, row: Packed, kind: Checkpointing, types: str
) -> None:
    """Of two more layers: what comes before and after the layers is the same."""
    parallel = SETTINGS[types].model_copy(update={"checkpointing": kind})
    deeper = replace(config, decoder=replace(config.decoder, num_layers=5))
    seeing = replace(config, vision=replace(config.vision, num_layers=4))
    base, more, also = (held(one, row, parallel) for one in (config, deeper, seeing))
    kept, kept_more, kept_also = (estimated(one, row, parallel) for one in (config, deeper, seeing))
    assert kept_more[0] - kept[0] == pytest.approx(more - base, rel=0.12)
    if types != "autocast":  # layer norms and their casts make up a fifth of a patch's share there
        assert kept_also[1] - kept[1] == pytest.approx(also - base, rel=0.2)


def test_whole_float32_weights_are_cast_as_they_are_used() -> None:
    bfloat16 = ParallelSettings(precision=Precision.BFLOAT16)
    assert arithmetic_of(bfloat16, 1) is Arithmetic.AUTOCAST
    assert arithmetic_of(bfloat16, 2) is Arithmetic.BFLOAT16
    assert arithmetic_of(SETTINGS["bfloat16"], 1) is Arithmetic.BFLOAT16
    assert arithmetic_of(SETTINGS["autocast"], 2) is Arithmetic.AUTOCAST
    assert arithmetic_of(ParallelSettings(), 2) is Arithmetic.FLOAT32


def test_logits_exist_for_a_chunk_at_most(config: ModelConfig) -> None:
    few, many = (
        kept_by_forward(config, RowCounts(labels=labels), ParallelSettings(), Arithmetic.FLOAT32).logits
        for labels in (10, 1_000_000)
    )
    assert few == 10 * config.decoder.vocabulary * 16
    assert many == 2048 * config.decoder.vocabulary * 16


def test_adapters_of_a_bfloat16_model_keep_what_they_read(config: ModelConfig) -> None:
    row, parallel = RowCounts(understanding=3), SETTINGS["bfloat16"]
    without, with_adapters = (
        kept_by_forward(config, row, parallel, Arithmetic.BFLOAT16, inputs).decoder for inputs in (0, 100)
    )
    assert with_adapters - without == 3 * config.decoder.num_layers * 400
