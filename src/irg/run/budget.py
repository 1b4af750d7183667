"""What a run needs before it begins: memory of each process, tokens per step, time. An estimate, by parts.

    weights      all parameters, in the type they are trained in, shared by the processes of a shard group;
                 low-bit projections (0.52 bytes per value as NF4, 1 as int8) and adapters in float32
    tables       the fixed position tables, float32, on every process
    gradients    trained parameters, like the weights; whole and in float32 while a sharded step accumulates
    optimizer    two moments per trained parameter (1.02 bytes each with 8 bits), one for Muon's matrices
    average      trained parameters in float32, shared likewise
    gathered     what is put together or cast for a forward: of a sharded model the parameters outside the
                 layers and those of two layers, with gradients of one; else bfloat16 copies of float32 ones
    activations  see `irg.run.activations`
    logits       of one chunk of labelled tokens
    autoencoder  its weights

What allocators lose, what the encoder of pictures needs for a moment, and communication come on top.
"""

from dataclasses import dataclass, field
from functools import cache

from torch import nn

from irg.model import Autoencoder, ModelConfig, UnifiedModel
from irg.model.adapters import LoraSettings, adapted_layers, num_adapter_parameters
from irg.model.expert import Expert
from irg.model.hollow import hollow
from irg.model.low_bit import Quantize
from irg.model.parts import ModelPart, part_of
from irg.model.unified import skeleton
from irg.run.activations import Arithmetic, arithmetic_of, kept_by_forward
from irg.run.flops import Backward, RowCounts, row_flops
from irg.run.optimizers import OptimizerKind, OptimizerSettings, split_parameters
from irg.run.parallel import ParallelSettings

_LOW_BIT = {Quantize.NF4: 0.5 + (1 + 4 / 256) / 64, Quantize.INT8: 1.0}
"""Bytes per value; NF4's scales of 64 values are 8-bit values whose own scales are shared by 256."""
_EIGHT_BIT_MOMENT = 1 + 4 / 256
"""Bytes per value: one, and a float32 scale for every 256."""


@dataclass(frozen=True)
class Workload:
    """What a run does in a step, and with what."""

    row: RowCounts
    """Of one forward of one process."""
    documents: int
    """In that forward."""
    forwards: int = 1
    """Of a process in a step: gradient accumulation."""
    world: int = 1
    parallel: ParallelSettings = field(default_factory=ParallelSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    frozen: frozenset[ModelPart] = frozenset()
    lora: LoraSettings | None = None
    average: bool = True
    """Whether averaged weights are kept."""

    @property
    def group(self) -> int:
        """Processes that share one copy of the parameters."""
        return (self.parallel.shard or self.world) if self.world > 1 else 1

    @property
    def backward(self) -> Backward:
        if self.lora is None:
            return Backward(frozenset(ModelPart) - self.frozen)
        return Backward(frozenset(), adapted=True)


@dataclass(frozen=True)
class Budget:
    """The plan of a run. Memory is in bytes per process, a name and a size for each part."""

    trained: int
    frozen: int
    memory: tuple[tuple[str, int], ...]
    tokens: int
    """Per step, over all processes."""
    documents: int
    flops: float
    """Per step, over all processes."""
    seconds: float | None
    """Per step; None where the device's speed is not known."""
    steps: int | None

    @property
    def total_memory(self) -> int:
        return sum(size for _, size in self.memory)

    def rows(self) -> list[tuple[str, str]]:
        """Name and value of everything, for a table."""
        rows = [
            ("parameters trained", f"{self.trained:,}"),
            ("parameters frozen", f"{self.frozen:,}"),
            ("tokens per step", f"{self.tokens:,}"),
            ("samples per step", f"{self.documents:,}"),
            ("arithmetic per step", f"{self.flops / 1e12:,.3g} TFLOP"),
            *((f"memory: {name}", in_bytes(size)) for name, size in self.memory if size),
            ("memory per process", f"about {in_bytes(self.total_memory)}"),
        ]
        if self.seconds is None:
            return [*rows, ("time", "unknown: the device's peak is not known")]
        rows.append(("time per step", f"about {self.seconds:,.3g} s"))
        if self.steps is not None:
            rows.append((f"time for {self.steps:,} steps", f"about {duration(self.seconds * self.steps)}"))
        return rows


@dataclass(frozen=True)
class Section:
    """A table of the plan: a title, names of columns, and rows."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def budget(
    config: ModelConfig, workload: Workload, steps: int | None = None, speed: float | None = None
) -> Budget:
    """Plan `steps` steps (None: no end is known) of training a model of these sizes, where a device makes
    `speed` FLOP/s (None: not known)."""
    sizes = _sizes(config)
    if workload.lora is None:
        trained = sum(size for part, size in sizes.parts.items() if part not in workload.frozen)
        frozen = sum(sizes.parts.values()) - trained
    else:
        trained = num_adapter_parameters(config, workload.lora)
        frozen = sum(sizes.parts.values())
    forwards = workload.forwards * workload.world
    flops = row_flops(config, workload.row, workload.backward) * forwards
    return Budget(
        trained=trained,
        frozen=frozen,
        memory=_memory(config, workload, trained),
        tokens=workload.row.tokens * forwards,
        documents=workload.documents * forwards,
        flops=flops,
        seconds=None if speed is None else flops / (speed * workload.world),
        steps=steps,
    )


def _memory(config: ModelConfig, workload: Workload, trained: int) -> tuple[tuple[str, int], ...]:
    sizes, parallel, group = _sizes(config), workload.parallel, workload.group
    arithmetic = arithmetic_of(parallel, workload.world)
    trained_size = 4 if workload.lora is not None else parallel.master.dtype.itemsize
    shared = trained * trained_size
    weights = _weights(sizes, workload)
    accumulating = workload.forwards > 1 and workload.world > 1
    adapted = adapted_layers(config, workload.lora) if workload.lora is not None else []
    inputs = sum(layer.in_features for layer in adapted)
    kept = kept_by_forward(config, workload.row, parallel, arithmetic, inputs)
    seen = ModelPart.VISION in workload.backward.trained
    return (
        ("weights", weights // group),
        ("tables", 4 * sizes.tables),
        ("gradients", 4 * trained if accumulating else shared // group),
        ("optimizer", _optimizer(config, workload, trained, trained_size) // group),
        ("average", 4 * trained * workload.average // group),
        ("gathered", _gathered(sizes, workload, arithmetic)),
        ("activations", kept.decoder * workload.backward.through_decoder + kept.vision * seen),
        ("logits", kept.logits),
        ("autoencoder", sizes.autoencoder * arithmetic.size),
    )


def _weights(sizes: "_Sizes", workload: Workload) -> int:
    """Bytes of all parameters of a model, adapters and low-bit projections included."""
    lora, master = workload.lora, workload.parallel.master.dtype.itemsize
    whole = sum(sizes.parts.values())
    if lora is None:
        return whole * master
    adapters = 4 * num_adapter_parameters(sizes.config, lora)
    if lora.quantize is Quantize.NONE:
        return whole * master + adapters
    low_bit = int(sizes.projections * _LOW_BIT[lora.quantize])
    if lora.quantize is Quantize.INT8:
        low_bit += sizes.projection_outputs * master
    return (whole - sizes.projections) * master + low_bit + adapters


def _optimizer(config: ModelConfig, workload: Workload, trained: int, size: int) -> int:
    kind = workload.optimizer.kind
    if kind is OptimizerKind.ADAMW8BIT:
        return int(2 * trained * _EIGHT_BIT_MOMENT)
    if kind is OptimizerKind.ADAMW or workload.lora is not None:
        return 2 * trained * size
    model = skeleton(config)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) not in workload.frozen)
    hidden, _ = split_parameters(model)
    return (2 * trained - sum(matrix.numel() for matrix in hidden)) * size


def _gathered(sizes: "_Sizes", workload: Workload, arithmetic: Arithmetic) -> int:
    """Bytes of parameters in the form in which a forward uses them, where that is a copy."""
    if workload.world > 1:
        # The root's parameters stay together; a layer is gathered while the one before it runs.
        whole = sizes.outside_layers + 2 * sizes.largest_layer
        return whole * arithmetic.size + (sizes.outside_layers + sizes.largest_layer) * 4
    if arithmetic is not Arithmetic.AUTOCAST:
        return 0
    trained = workload.backward.trained
    return 2 * sum(
        size for part, size in sizes.parts.items() if part in trained and part is not ModelPart.EMBEDDINGS
    )


@dataclass(frozen=True)
class _Sizes:
    """Numbers of values."""

    config: ModelConfig
    parts: dict[ModelPart, int]
    projections: int
    projection_outputs: int
    largest_layer: int
    outside_layers: int
    tables: int
    autoencoder: int


@cache
def _sizes(config: ModelConfig) -> _Sizes:
    with hollow():
        model, autoencoder = UnifiedModel(config), Autoencoder(config.autoencoder)
    parts = dict.fromkeys(ModelPart, 0)
    for name, parameter in model.named_parameters():
        parts[part_of(name)] += parameter.numel()
    experts = [module for module in model.modules() if isinstance(module, Expert)]
    projections = [layer for one in experts for layer in one.modules() if isinstance(layer, nn.Linear)]
    layers = [_numel(layer) for layer in (*model.decoder.layers, *model.vision.layers)]
    return _Sizes(
        config=config,
        parts=parts,
        projections=sum(layer.weight.numel() for layer in projections),
        projection_outputs=sum(layer.out_features for layer in projections),
        largest_layer=max(layers),
        outside_layers=_numel(model) - sum(layers),
        tables=sum(buffer.numel() for buffer in model.buffers()),
        autoencoder=_numel(autoencoder),
    )


def _numel(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def in_bytes(size: int) -> str:
    return f"{size / 2**30:,.2f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB"


def duration(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
