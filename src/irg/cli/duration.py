"""How long drawing will take on a CPU, told before minutes of work begin.

A thought reads all weights of the understanding expert for each token; a step of a picture multiplies all its
latent tokens by those of the generation expert, once for each branch of guidance. Both are set against what
this machine does in a moment's measuring. Everything else is left out, so it is a lower bound.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from irg.model import ModelConfig
from irg.model.parts import ModelPart, part_of
from irg.model.unified import skeleton
from irg.pipeline import Plan, Settings
from irg.pipeline.plans import StepPlan
from irg.pipeline.plans.numbers import sampling, turn_plan
from irg.pipeline.plans.steps import DrawStep

LONG = 120
"""Seconds from which on it is worth a line."""
_FEW_FLOPS = 2e12
"""What any CPU does in less than that: nothing is measured for it."""
_SIDE, _BYTES, _REPEATS = 1024, 1 << 26, 3


@dataclass(frozen=True)
class DrawingWork:
    """Of an episode: tokens that are written at most, latent tokens times evaluations, and the weights that
    each goes through."""

    written: int
    drawn: int
    read_weights: int
    drawn_weights: int

    @classmethod
    def of(cls, plan: Plan | StepPlan, config: ModelConfig) -> "DrawingWork":
        """Of a plan of steps, one that is settled. A size that only a given picture tells counts nothing."""
        entries: Counter[ModelPart] = Counter()
        for name, value in skeleton(config).named_parameters():
            entries[part_of(name)] += value.numel()
        written, evaluations = _of_turns(plan) if isinstance(plan, Plan) else _of_steps(plan)
        grid = plan.grid(config)
        return cls(
            written=written,
            drawn=evaluations * (grid.num_tokens if grid else 0),
            read_weights=entries[ModelPart.UNDERSTANDING] + entries[ModelPart.HEAD],
            drawn_weights=entries[ModelPart.GENERATION],
        )

    @classmethod
    def of_answer(cls, num_tokens: int, config: ModelConfig) -> "DrawingWork":
        """That of a text of so many tokens alone."""
        plan = Settings(width=config.pixels_per_latent, height=config.pixels_per_latent).plan(turns=1)
        return replace(cls.of(plan, config), written=num_tokens, drawn=0)

    @property
    def flops(self) -> float:
        return 2.0 * (self.written * self.read_weights + self.drawn * self.drawn_weights)


def _of_turns(plan: Plan) -> tuple[int, int]:
    """Tokens that are written at most, and evaluations."""
    num_thoughts = sum(turn.think for turn in plan.turns)
    return num_thoughts * plan.text.max_tokens, sum(turn.evaluations for turn in plan.turns)


def _of_steps(plan: StepPlan) -> tuple[int, int]:
    settings, written, evaluations = Settings(), 0, 0
    for steps, times in ((plan.first, 1), (plan.repeat, plan.max_repeats or 0)):
        for step in steps:
            if isinstance(step, DrawStep):
                evaluations += times * turn_plan(step, plan, settings).evaluations
            else:
                written += times * sampling(step, plan, settings).max_tokens
    return written, evaluations


@dataclass(frozen=True)
class CpuSpeed:
    """What a machine does: FLOPs and bytes read, per second."""

    flops: float
    read: float

    @classmethod
    def measured(cls, dtype: torch.dtype) -> "CpuSpeed":
        matrix, memory = torch.ones(_SIDE, _SIDE, dtype=dtype), torch.ones(_BYTES, dtype=torch.uint8)
        return cls(2 * _SIDE**3 / _least(lambda: matrix @ matrix), _BYTES / _least(memory.clone))


def seconds_of(work: DrawingWork, speed: CpuSpeed, dtype: torch.dtype) -> tuple[float, float]:
    """Of the thoughts, if they are as long as they may be, and of the pictures."""
    a_token = max(2 * work.read_weights / speed.flops, work.read_weights * dtype.itemsize / speed.read)
    return work.written * a_token, 2 * work.drawn * work.drawn_weights / speed.flops


def told(plan: Plan | StepPlan, config: ModelConfig, dtype: torch.dtype, episodes: int = 1) -> str | None:
    """A line that says how long it takes, where that is long."""
    if (took := _long(DrawingWork.of(plan, config), dtype, episodes)) is None:
        return None
    parts = f"{_minutes(took[1])} for pictures, up to {_minutes(took[0])} for thoughts"
    return f"on this CPU it takes {parts}: fewer --points, --turns and pixels, or --dtype bfloat16, take less"


def told_of_answer(num_tokens: int, config: ModelConfig, dtype: torch.dtype) -> str | None:
    """The same of an answer that may have so many tokens."""
    if (took := _long(DrawingWork.of_answer(num_tokens, config), dtype)) is None:
        return None
    most = f"up to {_minutes(took[0])} for {num_tokens} tokens"
    return f"on this CPU it takes {most}: a smaller --max-tokens, or --dtype bfloat16, takes less"


def _long(work: DrawingWork, dtype: torch.dtype, episodes: int = 1) -> tuple[float, float] | None:
    """The seconds of thoughts and of pictures, where they are many."""
    if work.flops * episodes < _FEW_FLOPS:
        return None
    thoughts, pictures = (episodes * one for one in seconds_of(work, CpuSpeed.measured(dtype), dtype))
    return (thoughts, pictures) if thoughts + pictures >= LONG else None


def _minutes(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds > 2 * 3600 else f"{seconds / 60:.0f} minutes"


def _least(run: Callable[[], object]) -> float:
    """The seconds of the fastest of a few runs."""
    found = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return max(min(found), 1e-9)
