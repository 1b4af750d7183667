"""How fast training is on a device: forward, backward and optimizer step of a random model over made-up rows.

The parts are those of a run: objective, layout over processes, attention, optimizers. The data is made up.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from irg.core import Packed
from irg.core.files import write_atomically
from irg.model import ModelConfig
from irg.model.presets import cut, random_model
from irg.run.flops import matrix_product_rate, now, peak_flops, row_flops
from irg.run.losses import ModelLosses
from irg.run.metrics import Work, peak_memory
from irg.run.optimizers import OptimizerKind, Optimizers, OptimizerSettings
from irg.run.parallel import (
    Checkpointing,
    Layout,
    ParallelSettings,
    Precision,
    arithmetic,
    attention,
    joined,
    lay_out,
)
from irg.train.synthetic import DocumentLengths, SyntheticRows

_NUM_ROWS = 2
"""Different rows, taken by turns: with a single one, code compiled for its lengths alone would look good."""
_WARM_UP = 2
"""Steps before measuring: both rows compile, allocate and choose algorithms."""


def usual_tokens(preset: str) -> int:
    """Tokens of a row, where none are asked for: what a GPU takes, or a CPU in a few seconds."""
    return 36_864 if preset == "bagel_7b" else 8_192


@dataclass(frozen=True)
class TrainBench:
    """What is measured."""

    preset: str = "bagel_7b"
    layers: int | None = None
    """Of the decoder; None: all."""
    vision_layers: int | None = None
    tokens: int = 36_864
    """Of a row, per process."""
    steps: int = 10
    lengths: DocumentLengths = field(default_factory=DocumentLengths)
    optimizer: OptimizerKind = OptimizerKind.ADAMW
    checkpointing: Checkpointing = Checkpointing.NONE
    compile: bool = True
    bfloat16: bool = True
    """On a GPU weights and arithmetic; on a CPU matrix products, over float32 weights."""

    def config(self) -> ModelConfig:
        """The preset's sizes, cut. Raises ValueError where there is nothing to cut."""
        return cut(self.preset, self.layers, self.vision_layers)

    @property
    def optimizer_settings(self) -> OptimizerSettings:
        """Rates so small that losses stay what they are."""
        matrix_rate = 1e-6 if self.optimizer is OptimizerKind.MUON else None
        return OptimizerSettings(kind=self.optimizer, rate=1e-6, matrix_rate=matrix_rate)

    def parallel(self, device: torch.device) -> ParallelSettings:
        precision = Precision.FLOAT32
        if self.bfloat16:
            precision = Precision.BFLOAT16 if device.type == "cuda" else Precision.AUTOCAST
        return ParallelSettings(
            precision=precision,
            master=Precision.BFLOAT16 if precision is Precision.BFLOAT16 else Precision.FLOAT32,
            checkpointing=self.checkpointing,
            compile=self.compile,
        )


@dataclass(frozen=True)
class StepTime:
    """Seconds of one step and its parts."""

    forward: float
    backward: float
    optimizer: float

    @property
    def whole(self) -> float:
        return self.forward + self.backward + self.optimizer


@dataclass(frozen=True)
class TrainMeasurement:
    """What was measured. Rates are of the median step, over all processes."""

    bench: TrainBench
    device: str
    rank: int
    world: int
    parameters: int
    work: Work
    """Of an average step in the time of the median one."""
    times: tuple[StepTime, ...]
    memory: float
    """Peak bytes of the first process."""
    peak: float | None
    """Published dense bfloat16 FLOP/s of all devices together; None for CPUs and unknown GPUs."""
    products: float
    """FLOP/s of large matrix products alone, measured here, times the processes."""

    def summary(self) -> dict[str, Any]:
        """Everything, for JSON."""
        speeds = self.work.speeds(self.peak)
        middle = {
            part: median(getattr(one, part) for one in self.times)
            for part in ("forward", "backward", "optimizer")
        }
        return {
            "bench": asdict(self.bench),
            "device": self.device,
            "processes": self.world,
            "torch": torch.__version__,
            "parameters": self.parameters,
            "tokens_per_step": self.work.tokens,
            "samples_per_step": self.work.documents,
            "tflop_per_step": self.work.flops / 1e12,
            **{name: value for name, value in speeds.items() if name != "data_wait"},
            **{f"{part}_seconds": seconds for part, seconds in middle.items()},
            "step_seconds": [one.whole for one in self.times],
            "peak_memory_bytes": self.memory,
            "limit_tflops": None if self.peak is None else self.peak / 1e12,
            "limit_seconds": None if self.peak is None else self.work.flops / self.peak,
            "matrix_products_tflops": self.products / 1e12,
            "share_of_matrix_products": speeds["tflops"] * 1e12 / self.products,
        }


def measure(bench: TrainBench, device: str | None = None, profile: Path | None = None) -> TrainMeasurement:
    """Train a random model for a few steps. `profile` gets a table of what the time of one more goes into."""
    config = bench.config()
    synthetic = SyntheticRows(config, bench.lengths, torch.Generator().manual_seed(0))
    rows = [synthetic.row(bench.tokens) for _ in range(_NUM_ROWS)]
    with joined(device) as layout:
        parallel = bench.parallel(layout.device)
        objective = ModelLosses(random_model(config, layout.device, parallel.master.dtype))
        lay_out(objective, objective.layers, layout, parallel)
        optimizers = Optimizers(objective, bench.optimizer_settings)
        step = partial(_step, objective, optimizers, layout, parallel)
        moved = [row.to(layout.device) for row in rows]
        times = [step(moved[number % len(moved)]) for number in range(_WARM_UP + bench.steps)]
        if profile is not None:
            _write_profile(partial(step, moved[0]), layout, profile)
        peak, dtype = peak_flops(layout.device), torch.bfloat16 if bench.bfloat16 else torch.float32
        measured = times[_WARM_UP:]
        return TrainMeasurement(
            bench=bench,
            device=_name(layout.device),
            rank=layout.rank,
            world=layout.world,
            parameters=sum(one.numel() for one in objective.parameters()),
            work=_work(bench, config, rows, layout.world, median(one.whole for one in measured)),
            times=tuple(measured),
            memory=peak_memory(layout.device),
            peak=None if peak is None else peak * layout.world,
            products=matrix_product_rate(layout.device, dtype) * layout.world,
        )


def _step(
    objective: ModelLosses, optimizers: Optimizers, layout: Layout, parallel: ParallelSettings, row: Packed
) -> StepTime:
    """A step as a run makes it, each part waited for."""
    clock = [now(layout.device)]
    with arithmetic(layout, parallel):
        losses = objective(row, attention(row, layout.device))
    loss = losses.text_N.mean() + losses.flow_MV.mean()
    clock.append(now(layout.device))
    loss.backward()
    clock.append(now(layout.device))
    nn.utils.clip_grad_norm_(optimizers.parameters, 1.0)
    optimizers.step(1.0)
    optimizers.zero_grad()
    clock.append(now(layout.device))
    return StepTime(*(after - before for before, after in pairwise(clock)))


def _work(bench: TrainBench, config: ModelConfig, rows: list[Packed], world: int, seconds: float) -> Work:
    def average(values: list[float]) -> float:
        return world * sum(values) / len(values)

    return Work(
        documents=round(average([row.num_documents for row in rows])),
        tokens=round(average([row.num_tokens for row in rows])),
        capacity=bench.tokens * world,
        flops=average([row_flops(config, row) for row in rows]),
        seconds=seconds,
        waited=0.0,
    )


def _write_profile(step: Callable[[], object], layout: Layout, path: Path) -> None:
    on_gpu = layout.device.type == "cuda"
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if on_gpu else []
    watching: AbstractContextManager[Any] = (
        torch.profiler.profile(activities=activities) if layout.is_first else nullcontext()
    )
    with watching as profiler:
        step()
    if profiler is not None:
        order = "self_device_time_total" if on_gpu else "self_cpu_time_total"
        table = profiler.key_averages().table(sort_by=order, row_limit=40, max_name_column_width=100)
        write_atomically(path, table + "\n")


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
