"""The smallest thing that a run can train, fed with points that are drawn with the model as it then is."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from irg.data.source import Fault, RowError
from irg.data.streams import Rejected
from irg.run.loop import FedStep
from irg.run.optimizers import OptimizerSettings
from irg.run.parallel import Layout
from irg.run.rng import decoded, encoded
from irg.run.settings import RunSettings, SavingSettings
from irg.run.step import Sums

ALONE = Layout(0, 1, torch.device("cpu"))
REJECTED = Rejected("drawn", RowError("nowhere", 3, Fault.BAD_JSON, "so it is"))


@dataclass(frozen=True, eq=False)
class Points:
    x_N: torch.Tensor
    flops: float = 7.0

    @property
    def weight_K(self) -> torch.Tensor:
        return torch.tensor([len(self.x_N), len(self.x_N)])

    @property
    def documents(self) -> int:
        return len(self.x_N)

    @property
    def tokens(self) -> int:
        return 2 * len(self.x_N)


@dataclass(frozen=True, eq=False)
class Line:
    """A line is to be as near to y = 2 x as its slope may be to zero: two terms."""

    model: nn.Linear = field(default_factory=lambda: nn.Linear(1, 1))
    accumulate: int = 1

    terms = {"error": 1.0, "slope": 0.5}  # noqa: RUF012 - a protocol's
    parts = ("below", "above")

    @property
    def network(self) -> nn.Linear:
        return self.model

    def is_hidden(self, name: str) -> bool:
        return False

    def forwards(self, rows: torch.Tensor) -> Sequence[Points]:
        return [Points(chunk) for chunk in rows.tensor_split(self.accumulate)]

    def __call__(self, forward: Points) -> Sums:
        difference_N = self.model(forward.x_N[:, None])[:, 0] - 2 * forward.x_N
        terms = [difference_N.square().sum(), self.model.weight.square().sum() * len(forward.x_N)]
        sides = [forward.x_N < 0, forward.x_N > 0]
        sums = torch.stack([difference_N.detach()[side].double().sum() for side in sides])
        return Sums(torch.stack(terms), sums, torch.stack([side.sum() for side in sides]).double())


class Drawing:
    """Points around the model's own bias, by a generator of its own and by the global one."""

    known = (REJECTED,)

    def __init__(self, model: nn.Linear, count: int, length: int | None = None) -> None:
        self.model, self.count, self.length = model, count, length
        self.generator = torch.Generator().manual_seed(5)
        self.step, self.left = 0, False

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.generator.set_state(decoded(state["generator"]))

    def __iter__(self) -> Generator[FedStep[torch.Tensor]]:
        try:
            while self.length is None or self.step < self.length:
                self.step += 1
                x_N = torch.randn(self.count, generator=self.generator) + torch.rand(())
                state = {"step": self.step, "generator": encoded(self.generator.get_state())}
                yield FedStep(x_N + self.model.bias.detach(), state, seconds_waited=0.25, capacity=100)
        finally:
            self.left = True


class Looking:
    """Sees the bias, of which it tells."""

    every, known, met = 3, (), (REJECTED,)

    def __init__(self, model: nn.Linear) -> None:
        self.model = model

    def __call__(self, step: int) -> dict[str, float]:
        return {"bias": self.model.bias.item()}


def settings(out: Path, **changes: Any) -> RunSettings:
    usual: dict[str, Any] = {"steps": 8, "checkpoint": SavingSettings(every=3), "ema": 0.5}
    return RunSettings(out, {"kind": "toy"}, OptimizerSettings(rate=0.1), **(usual | changes))
