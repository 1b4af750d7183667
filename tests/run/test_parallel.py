"""How a model is laid over processes: what a process is told, and layers that compute the same however they
are laid out. Several processes at once: `tests.train.test_sharded_runs`."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from irg.core import SpecialTokens, pack
from irg.model import FlexAttend, ModelConfig, PaddedAttend, UnifiedModel
from irg.model.expert import Expert
from irg.run.parallel import (
    FLEX_BLOCK,
    Checkpointing,
    Layout,
    ParallelSettings,
    Precision,
    arithmetic,
    attention,
    gathered,
    joined,
    lay_out,
)
from tests.run.toy import ALONE
from tests.samples import Sampler

CPU = torch.device("cpu")
F32, BF16, AUTO = Precision.FLOAT32, Precision.BFLOAT16, Precision.AUTOCAST


def test_without_others_a_process_is_the_first_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined("cpu") as layout:
        assert layout == Layout(0, 1, CPU) and layout.is_first and not dist.is_initialized()
        layout.wait()
        values = torch.tensor([1.0, 2.0])
        assert layout.total(values) is values and values.tolist() == [1, 2]
    assert not Layout(1, 2, CPU).is_first


def test_weights_are_held_in_bfloat16_where_all_is() -> None:
    assert {one: one.dtype for one in Precision} == {
        F32: torch.float32,
        BF16: torch.bfloat16,
        AUTO: torch.float32,
    }


@pytest.mark.parametrize(
    ("precision", "master", "world", "is_cast"),
    [
        (F32, F32, 1, False),
        (AUTO, F32, 1, True),
        (AUTO, F32, 2, True),
        (BF16, F32, 1, True),
        (BF16, BF16, 1, False),
        (BF16, F32, 2, False),
    ],
)
def test_products_are_cast_unless_weights_or_what_is_gathered_are_in_it(
    precision: Precision, master: Precision, world: int, is_cast: bool
) -> None:
    settings = ParallelSettings(precision=precision, master=master)
    with arithmetic(Layout(0, world, CPU), settings):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype is (torch.bfloat16 if is_cast else torch.float32)
    context = arithmetic(Layout(0, world, CPU), settings)
    assert isinstance(context, nullcontext) is not is_cast


class Block(nn.Module):
    """Two matrix products, and much between them that is cheap."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(4, 16), nn.Linear(16, 4)

    def forward(self, hidden: torch.Tensor, scale: float) -> torch.Tensor:
        return hidden + self.down(torch.tanh(torch.sigmoid(self.up(hidden)) * scale).exp())


def stepped(kind: Checkpointing) -> tuple[list[torch.Tensor], int]:
    """The gradients of two blocks, and the values that the forward pass keeps besides the parameters."""
    torch.manual_seed(0)
    model = nn.ModuleList([Block(), Block()])
    lay_out(model, list(model), ALONE, ParallelSettings(checkpointing=kind))
    weights = {one.data_ptr() for one in model.parameters()}
    kept: dict[int, int] = {}

    def keep(values: torch.Tensor) -> torch.Tensor:
        if values.data_ptr() not in weights:
            kept[values.data_ptr()] = values.numel()
        return values

    hidden: Any = torch.ones(8, 4, requires_grad=True)
    with saved_tensors_hooks(keep, lambda values: values):
        for block in model:
            hidden = block(hidden, 0.5)
    hidden.square().sum().backward()
    return [one.grad for one in model.parameters() if one.grad is not None], sum(kept.values())


def test_layers_keep_less_and_have_the_same_gradients() -> None:
    expected, most = stepped(Checkpointing.NONE)
    assert len(expected) == 8
    for kind in (Checkpointing.SELECTIVE, Checkpointing.FULL):
        found, kept = stepped(kind)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
        assert kept < most / 2


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")  # torch's own, at its first use
def test_what_is_compiled_is_around_attention(config: ModelConfig) -> None:
    model = UnifiedModel(config)
    plain = UnifiedModel(config)
    lay_out(model, list(model.decoder.layers), ALONE, ParallelSettings(compile=True))
    lay_out(plain, list(plain.decoder.layers), ALONE, ParallelSettings())
    experts = [one for one in model.modules() if isinstance(one, Expert)]
    assert len(experts) == 2 * len(model.decoder.layers)
    for one in experts:
        assert {"project", "finish"} <= vars(one).keys()
    assert not any({"project", "finish"} & vars(one).keys() for one in plain.modules())
    assert model.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(("shard", "world"), [(2, 3), (4, 6), (3, 2)])
def test_processes_divide_into_groups(shard: int, world: int) -> None:
    model = nn.ModuleList([Block()])
    with pytest.raises(
        ValueError, match=rf"^parallel\.shard {shard}: {world} processes do not divide into groups of it$"
    ):
        lay_out(model, list(model), Layout(0, world, CPU), ParallelSettings(shard=shard))


def test_rows_are_padded_to_blocks_on_a_gpu_only(config: ModelConfig, special: SpecialTokens) -> None:
    packed = pack([Sampler(0, config).document() for _ in range(4)], special)
    assert isinstance(attention(packed, CPU), PaddedAttend)
    flex = attention(packed, torch.device("cuda"))
    assert isinstance(flex, FlexAttend)
    assert flex.length % FLEX_BLOCK == 0 and 0 <= flex.length - packed.num_tokens < FLEX_BLOCK


def test_a_model_is_in_training_again_after_it_was_gathered() -> None:
    network = nn.Dropout()
    with gathered(network):
        assert not network.training
    assert network.training
    with pytest.raises(KeyError), gathered(network):
        raise KeyError
    assert network.training
