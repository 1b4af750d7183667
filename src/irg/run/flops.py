"""How much arithmetic a training row is, and how much a device can do.

The convention is that of the published numbers: of every matrix that a token goes through two FLOPs per entry
forward and four backward (6 N), and of attention 12 * head width * heads * layers for every pair of tokens of
a document, masked or not. What is computed again because activations were not kept counts nothing.
"""

import time
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from irg.core import IGNORE, Packed
from irg.model import ModelConfig
from irg.model.parts import ModelPart, part_of
from irg.model.unified import skeleton

_PEAKS = {
    "B200": 2250e12,
    "GH200": 989e12,
    "H200 NVL": 835e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H800": 989e12,
    "H20": 148e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "MI300X": 1307e12,
}
"""Dense bfloat16 FLOP/s of the makers' data sheets, by what a device's name holds as whole words."""


@dataclass(frozen=True)
class RowCounts:
    """What of one or more packed rows costs work. Counts of rows add up."""

    understanding: int = 0
    """Tokens of the understanding expert: texts, delimiters, patches."""
    latents: int = 0
    """Tokens of the generation expert."""
    patches: int = 0
    pairs: int = 0
    """Pairs of tokens of the same document."""
    view_pairs: int = 0
    """Pairs of patches of the same image."""
    labels: int = 0
    """Tokens that have logits."""
    targets: int = 0
    """Latent tokens that have a velocity."""

    @classmethod
    def of(cls, packed: Packed) -> "RowCounts":
        latents = len(packed.latent_index_M)
        return cls(
            understanding=packed.num_tokens - latents,
            latents=latents,
            patches=len(packed.patch_index_P),
            pairs=sum(length**2 for length in packed.document_lengths),
            view_pairs=sum(length**2 for length in packed.view_lengths),
            labels=int((packed.label_T != IGNORE).sum()),
            targets=int(packed.has_target_M.sum()),
        )

    @property
    def tokens(self) -> int:
        return self.understanding + self.latents


@dataclass(frozen=True)
class Backward:
    """Which gradients are computed: weights that are frozen have none, though gradients pass through them."""

    trained: frozenset[ModelPart] = frozenset(ModelPart)
    adapted: bool = False
    """Whether adapters are trained inside the decoder. Their own few FLOPs are left out."""

    @classmethod
    def of(cls, model: nn.Module) -> "Backward":
        names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        whole = frozenset(part_of(name) for name in names if "lora_" not in name)
        return cls(whole, any("lora_" in name for name in names))

    @property
    def through_decoder(self) -> bool:
        return self.adapted or bool(self.trained - {ModelPart.HEAD})

    def factor(self, part: ModelPart) -> int:
        """FLOPs per token and entry of a part's matrices: forward, to its input, to the weights."""
        first = {
            ModelPart.VISION: ModelPart.VISION in self.trained,
            ModelPart.LATENTS: ModelPart.LATENTS in self.trained,
        }
        first[ModelPart.CONNECTOR] = first[ModelPart.VISION]
        to_input = first.get(part, self.through_decoder)
        return 2 + 2 * to_input + 2 * (part in self.trained)


def row_flops(config: ModelConfig, row: Packed | RowCounts, backward: Backward | None = None) -> float:
    """FLOPs of forward and backward over a packed row; without `backward`, those of training everything."""
    counts = row if isinstance(row, RowCounts) else RowCounts.of(row)
    backward = Backward() if backward is None else backward
    matrices = sum(
        backward.factor(part) * num_entries * getattr(counts, read_by)
        for part, read_by, num_entries in _matrices(config)
    )
    decoder, vision = config.decoder, config.vision
    attention = (12 if backward.through_decoder else 4) * decoder.width * decoder.num_layers * counts.pairs
    seeing = (12 if ModelPart.VISION in backward.trained else 4) * vision.width * vision.num_layers
    return float(matrices + attention + seeing * counts.view_pairs)


def peak_flops(device: torch.device) -> float | None:
    """What a device can do at most, in dense bfloat16 FLOP/s; None for CPUs and for GPUs we don't know."""
    return peak_of(torch.cuda.get_device_name(device)) if device.type == "cuda" else None


def peak_of(name: str) -> float | None:
    """The same, by the name that a GPU gives itself, such as `NVIDIA H100 80GB HBM3`."""
    words = name.replace("-", " ").split()
    if "Laptop" in words:  # a smaller chip under the same name
        return None
    for known, peak in _PEAKS.items():
        wanted = known.split()
        if all(word in words for word in wanted):
            return peak
    return None


def matrix_product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of products of large square matrices, measured: what arithmetic as dense as can be reaches."""
    side, repeats = (8192, 20) if device.type == "cuda" else (1024, 4)
    generator = torch.Generator(device).manual_seed(0)
    one, other = (torch.randn(side, side, generator=generator, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(one)
    best = float("inf")
    for _ in range(4):  # the first warms up
        started = now(device)
        for _ in range(repeats):
            torch.mm(one, other, out=product)
        best = min(best, now(device) - started)
    return 2 * side**3 * repeats / best


def now(device: torch.device) -> float:
    """Seconds by a clock, once all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@cache
def _matrices(config: ModelConfig) -> tuple[tuple[ModelPart, str, int], ...]:
    """Of every kind of token: the part, what counts its tokens, and the entries of the matrices they meet."""
    return tuple(
        (part_of(f"{name}.weight"), _read_by(name), layer.in_features * layer.out_features)
        for name, layer in skeleton(config).named_modules()
        if isinstance(layer, nn.Linear)
    )


def _read_by(layer: str) -> str:
    """Which of a row's counts says how often a linear layer is applied."""
    if layer == "latent_out":
        return "targets"
    return {
        ModelPart.VISION: "patches",
        ModelPart.CONNECTOR: "patches",
        ModelPart.UNDERSTANDING: "understanding",
        ModelPart.GENERATION: "latents",
        ModelPart.HEAD: "labels",
        ModelPart.LATENTS: "latents",
    }[part_of(f"{layer}.weight")]
