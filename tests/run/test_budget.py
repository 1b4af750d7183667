"""The plan against the bytes of real tensors, on models small enough to hold."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch

from irg.model import Autoencoder, ModelConfig, UnifiedModel, bagel_7b, embedded
from irg.model.adapters import LoraSettings, adapt
from irg.model.parts import ModelPart, freeze
from irg.run.budget import Workload, budget
from irg.run.flops import RowCounts, row_flops
from irg.run.optimizers import Optimizers, OptimizerSettings
from irg.run.parallel import Checkpointing, ParallelSettings, Precision

ROW = RowCounts(understanding=3000, latents=5000, patches=2500, pairs=8000**2, labels=300, targets=4000)
SMALL = embedded(2048)
BFLOAT16 = ParallelSettings(precision=Precision.BFLOAT16, master=Precision.BFLOAT16)
OPTIMIZERS = {
    "adamw": OptimizerSettings(),
    "adamw8bit": OptimizerSettings.model_validate({"kind": "adamw8bit"}),
    "muon": OptimizerSettings.model_validate({"kind": "muon", "matrix_rate": 1e-3}),
}


@pytest.fixture(scope="module")
def small() -> UnifiedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UnifiedModel(SMALL)


def memory(config: ModelConfig, workload: Workload) -> dict[str, int]:
    return dict(budget(config, workload).memory)


def size(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes, of tensors of few bits those of their parts."""
    total = 0
    for tensor in tensors:
        flatten = getattr(tensor, "__tensor_flatten__", None)
        total += size(getattr(tensor, name) for name in flatten()[0]) if flatten else tensor.nbytes
    return total


def test_weights_tables_and_autoencoder(small: UnifiedModel) -> None:
    found = memory(SMALL, Workload(ROW, 1))
    assert found["weights"] == found["gradients"] == found["average"] == size(small.parameters())
    assert found["tables"] == size(small.buffers())
    assert found["autoencoder"] == size(Autoencoder(SMALL.autoencoder).parameters())
    assert found["gathered"] == 0


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_states_of_optimizers(small: UnifiedModel, kind: str) -> None:
    model = copy.deepcopy(small)
    freeze(model, [ModelPart.VISION])
    optimizers = Optimizers(model, OPTIMIZERS[kind])
    states = (state for member in optimizers.members for state in member.state.values())
    real = size(value for state in states for name, value in state.items() if name != "step")
    workload = Workload(ROW, 1, optimizer=OPTIMIZERS[kind], frozen=frozenset({ModelPart.VISION}))
    # Parameters of less than 4096 values keep whole moments.
    assert memory(SMALL, workload)["optimizer"] == pytest.approx(real, rel=0.05 if kind == "adamw8bit" else 0)


def test_frozen_parts_have_weights_only(small: UnifiedModel) -> None:
    model = copy.deepcopy(small)
    freeze(model, [ModelPart.UNDERSTANDING, ModelPart.EMBEDDINGS])
    frozen = frozenset({ModelPart.UNDERSTANDING, ModelPart.EMBEDDINGS})
    plan = budget(SMALL, Workload(ROW, 1, frozen=frozen))
    trained = [one for one in model.parameters() if one.requires_grad]
    assert plan.trained == sum(one.numel() for one in trained)
    assert plan.trained + plan.frozen == sum(one.numel() for one in model.parameters())
    found = dict(plan.memory)
    assert found["gradients"] == found["average"] == size(trained)
    assert found["weights"] == size(model.parameters())


@pytest.mark.parametrize("kind", ["none", "int8", "nf4"])
def test_adapted_models(small: UnifiedModel, kind: str) -> None:
    if kind == "nf4" and find_spec("bitsandbytes") is None:
        pytest.skip("NF4 is bitsandbytes', which is not installed")
    settings = LoraSettings.model_validate({"rank": 4, "quantize": kind, "projections": ["query", "down"]})
    model = copy.deepcopy(small).bfloat16()
    adapt(model, settings, seed=0)
    plan = budget(SMALL, Workload(ROW, 1, parallel=BFLOAT16, lora=settings))
    held = [value for name, value in model.state_dict().items() if "positions" not in name]
    # Every NF4 tensor has a kilobyte of codebooks besides, which matters on tensors as small as these.
    assert dict(plan.memory)["weights"] == pytest.approx(size(held), rel=0.025 if kind == "nf4" else 0.01)
    trained = [one for one in model.parameters() if one.requires_grad]
    assert plan.trained == sum(one.numel() for one in trained)
    assert dict(plan.memory)["gradients"] == size(trained)


def test_processes_share_what_is_sharded() -> None:
    one, four, hybrid = (
        memory(SMALL, Workload(ROW, 1, world=world, parallel=ParallelSettings(shard=shard)))
        for world, shard in ((1, 0), (4, 0), (4, 2))
    )
    for name in ("weights", "gradients", "optimizer", "average"):
        assert one[name] // 4 == four[name]
        assert one[name] // 2 == hybrid[name]
    for name in ("tables", "activations", "logits"):
        assert one[name] == four[name]
    assert four["gathered"] > 0


def test_gradients_that_accumulate_are_whole() -> None:
    once, twice = (memory(SMALL, Workload(ROW, 1, forwards=forwards, world=4)) for forwards in (1, 2))
    assert twice["gradients"] == 4 * once["gradients"]


def test_no_average_and_no_vision_take_no_memory() -> None:
    plan = budget(SMALL, Workload(ROW, 1, average=False))
    assert dict(plan.memory)["average"] == 0
    assert not any(name == "memory: average" for name, _ in plan.rows())
    blind = Workload(ROW, 1, frozen=frozenset({ModelPart.VISION}))
    assert memory(SMALL, blind)["activations"] < dict(plan.memory)["activations"]


def test_checkpointing_and_compilation_save_memory() -> None:
    def activations(**settings: object) -> int:
        parallel = BFLOAT16.model_copy(update=settings)
        return memory(bagel_7b(), Workload(ROW, 1, parallel=parallel))["activations"]

    nothing = activations()
    assert nothing > activations(compile=True) > activations(checkpointing=Checkpointing.SELECTIVE)
    assert activations(checkpointing=Checkpointing.SELECTIVE) > activations(checkpointing=Checkpointing.FULL)


def test_steps_tokens_and_time() -> None:
    workload = Workload(ROW, 7, forwards=2, world=4)
    plan = budget(SMALL, workload, steps=100, speed=0.25e12)
    assert (plan.tokens, plan.documents) == (8 * 8000, 8 * 7)
    assert plan.flops == 8 * row_flops(SMALL, ROW)
    assert plan.seconds == pytest.approx(2 * row_flops(SMALL, ROW) / 0.25e12)
    measured = budget(SMALL, workload, steps=7200, speed=plan.flops / (2.0 * 4))
    assert measured.seconds == pytest.approx(2.0)
    assert ("time for 7,200 steps", "about 4.0 hours") in measured.rows()


def test_time_is_unknown_where_the_peak_is() -> None:
    rows = dict(budget(SMALL, Workload(ROW, 1)).rows())
    assert rows["time"] == "unknown: the device's peak is not known"
    assert rows["parameters frozen"] == "0"


def test_bagel_in_eight_processes_is_the_known_size() -> None:
    """14.6 billion parameters, 16 bytes each with AdamW in float32, and the average 4 more."""
    plan = budget(
        bagel_7b(), Workload(ROW, 1, world=8, parallel=ParallelSettings(precision=Precision.BFLOAT16))
    )
    assert plan.trained == 14_575_018_464
    states = sum(dict(plan.memory)[name] for name in ("weights", "gradients", "optimizer", "average"))
    assert states == pytest.approx(20 * plan.trained / 8, rel=1e-6)
    assert plan.total_memory > states


def test_the_total_is_that_of_the_rows() -> None:
    plan = budget(SMALL, Workload(ROW, 1))
    assert plan.total_memory == sum(size for _, size in plan.memory)
    assert replace(plan, memory=(("weights", 3 * 2**30),)).rows()[-2] == (
        "memory per process",
        "about 3.00 GiB",
    )
