"""How many kernels a token and a step call: counted, so free of noise.

What counts is every operation that torch hands to a device, each by itself however it is put together; views,
which compute nothing, do not. A graph that is captured once and replayed counts for what it launches from the
host: nothing. Weights in few bits are not counted so: what decodes them is one operation to torch, however
many kernels it calls.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from irg.bench.speed.workload import THREE_BRANCHES, EpisodeWorkload, random_pipeline
from irg.core.events import DenoisingStep, Event, ThoughtDelta
from irg.engine import SeededDraws
from irg.pipeline.episode import RowEvent

LAYERS = 28
"""Of BAGEL-7B: what counts are scaled to."""
_VOCABULARY, _SIDE, _TOKENS = 2048, 64, 8


class KernelCount(TorchDispatchMode):
    """Counts while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with self:  # of a composed operation, such as a linear layer, its parts
            made = func.decompose(*args, **kwargs)
        if made is not NotImplemented:
            return made
        self.total += not func.is_view
        return func(*args, **kwargs)


@dataclass(frozen=True)
class KernelCalls:
    per_token: float
    """Of writing."""
    per_step: float
    """Of drawing, with the guidance of three branches."""


def kernel_calls(workload: EpisodeWorkload, device: torch.device, dtype: torch.dtype) -> KernelCalls:
    """The calls at `LAYERS` layers: counted with one and with two, which says what each of them adds."""
    one, two = (_counted(workload, layers, device, dtype) for layers in (1, 2))
    return KernelCalls(
        one.per_token + (LAYERS - 1) * (two.per_token - one.per_token),
        one.per_step + (LAYERS - 1) * (two.per_step - one.per_step),
    )


def _counted(workload: EpisodeWorkload, layers: int, device: torch.device, dtype: torch.dtype) -> KernelCalls:
    """Of a model with so many layers, few words and small pictures, which move no count but much memory."""
    small = replace(workload, layers=layers, side=_SIDE, thought_tokens=_TOKENS, points=_TOKENS)
    config = small.config
    config = replace(
        config,
        decoder=replace(config.decoder, vocabulary=_VOCABULARY),
        vision=replace(config.vision, num_layers=1),
    )
    settings = small.settings.model_copy(update={"later": THREE_BRANCHES})
    pipeline, plan = random_pipeline(config, settings, device, dtype), settings.plan(turns=2)
    rollout = pipeline.rollout([small.prompt], plan, [SeededDraws(0)])
    tokens, steps = 0.0, 0.0
    for turn in plan.turns:
        rollout.look(turn)
        tokens = _between(rollout.think(), _num_tokens)
        steps = _between(rollout.draw(turn), lambda event: isinstance(event, DenoisingStep))
    return KernelCalls(tokens, steps)


def _num_tokens(event: Event) -> int:
    """Several may come at once; their words are numbers with a space behind."""
    return len(event.text.split()) if isinstance(event, ThoughtDelta) else 0


def _between(events: Iterator[RowEvent], num_of: Callable[[Event], int]) -> float:
    """Calls from one event to the next, for each of what it brings, the median of all that bring any."""
    marks: list[tuple[int, int]] = []
    with KernelCount() as count:
        for _, event in events:
            if num := num_of(event):
                marks.append((count.total, num))
    return median((after - before) / num for (before, _), (after, num) in pairwise(marks))
