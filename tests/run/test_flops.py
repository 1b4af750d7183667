import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from irg.core import Document, Kind, Packed, SpecialTokens, pack
from irg.model import ModelConfig, PaddedAttend, UnifiedModel, bagel_7b
from irg.model.adapters import LoraSettings, adapt
from irg.model.parts import ModelPart, freeze
from irg.run.flops import Backward, RowCounts, peak_flops, peak_of, row_flops
from irg.run.losses import ModelLosses
from tests.samples import Sampler


@pytest.fixture
def row(sampler: Sampler, special: SpecialTokens) -> Packed:
    """Documents of one length, which padded attention runs over without padding."""
    documents = [
        Document(
            (
                sampler.text(20),
                sampler.image(Kind.CLEAN, 6, 6),
                sampler.image(Kind.VIEW, 6, 6),
                sampler.text(30, loss=True),
                sampler.image(Kind.NOISY, 6, 6, target=True),
            )
        )
        for _ in range(2)
    ]
    return pack(documents, special)


@pytest.fixture
def fresh(config: ModelConfig) -> UnifiedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UnifiedModel(config)


def counted(model: UnifiedModel, row: Packed) -> float:
    """Of the fused attention of CPUs torch counts nothing; as matrix products it is counted."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        losses = ModelLosses(model)(row, PaddedAttend(row))
        (losses.text_N.sum() + losses.flow_MV.mean(-1).sum()).backward()
    return counter.get_total_flops()


def test_counts_of_a_row(row: Packed) -> None:
    length = 22 + 38 + 38 + 32 + 38
    assert row.num_tokens == 2 * length
    assert RowCounts.of(row) == RowCounts(
        understanding=2 * (22 + 2 + 38 + 32 + 2),
        latents=2 * 72,
        patches=2 * 36,
        pairs=2 * length**2,
        view_pairs=2 * 36**2,
        labels=2 * 31,
        targets=2 * 36,
    )


def test_the_formula_is_what_torch_counts(fresh: UnifiedModel, row: Packed) -> None:
    """But for what nobody asks for: gradients to patches, latents and the timestep's features."""
    edges = 2 * fresh.vision.patch_embedding.weight.numel() * len(row.patch_index_P)
    edges += 2 * fresh.latent_in.weight.numel() * len(row.latent_index_M)
    edges += 2 * fresh.timestep.up.weight.numel() * len(row.latent_index_M)
    assert counted(fresh, row) == row_flops(fresh.config, row) - edges


@pytest.mark.parametrize(
    ("frozen", "tolerance"),
    [(["vision", "connector"], 0.03), (["understanding"], 0.05), (["head", "generation", "latents"], 0.05)],
)
def test_frozen_parts_have_no_gradients_of_weights(
    fresh: UnifiedModel, row: Packed, frozen: list[str], tolerance: float
) -> None:
    everything = row_flops(fresh.config, row)
    freeze(fresh, frozen)
    flops = row_flops(fresh.config, row, Backward.of(fresh))
    assert flops == pytest.approx(counted(fresh, row), rel=tolerance)
    assert flops < everything


def test_adapters_leave_four_of_six(fresh: UnifiedModel, row: Packed) -> None:
    config, everything = fresh.config, row_flops(fresh.config, row)
    adapt(fresh, LoraSettings(rank=1), seed=0)
    backward = Backward.of(fresh)
    assert backward == Backward(frozenset(), adapted=True)
    flops = row_flops(config, row, backward)
    assert flops == pytest.approx(counted(fresh, row), rel=0.08)
    assert 0.6 < flops / everything < 0.8


def test_only_the_head_needs_no_gradient_through_the_decoder(fresh: UnifiedModel, row: Packed) -> None:
    freeze(fresh, [part for part in ModelPart if part is not ModelPart.HEAD])
    assert row_flops(fresh.config, row, Backward.of(fresh)) == pytest.approx(counted(fresh, row), rel=0.01)


def test_a_text_token_of_bagel_costs_what_the_published_sizes_say() -> None:
    """6 * 28 * (2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18944), a token in a document of its own."""
    parameters = 28 * (2 * 3584**2 + 2 * 3584 * 512 + 3 * 3584 * 18944)
    expected = 6 * parameters + 12 * 128 * 28 * 28
    assert row_flops(bagel_7b(), RowCounts(understanding=1, pairs=1)) == expected
    assert row_flops(bagel_7b(), RowCounts(labels=1)) == 6 * 3584 * 152064


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA L40", None),
        ("Some other device", None),
    ],
)
def test_peaks_by_name(name: str, peak: float | None) -> None:
    assert peak_of(name) == peak


def test_a_cpu_has_no_known_peak() -> None:
    assert peak_flops(torch.device("cpu")) is None
