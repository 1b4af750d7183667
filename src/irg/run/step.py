"""One step's forwards and backwards for any objective, with losses that are means over the global batch.

Denominators are summed over all processes and all forwards before the first backward, so that neither the
number of processes nor that of forwards changes the gradient.

Shape suffixes: K terms of the loss, P parts that are logged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from irg.run.parallel import Layout


class Forward(Protocol):
    """What one forward takes, on the device."""

    @property
    def weight_K(self) -> torch.Tensor:
        """What the sum of each term will be divided by, together with those of all other forwards."""
        ...

    @property
    def documents(self) -> int: ...

    @property
    def tokens(self) -> int: ...

    @property
    def flops(self) -> float:
        """Of its forward and backward."""
        ...


@dataclass(frozen=True, eq=False)
class Sums:
    """What a forward gives."""

    term_K: torch.Tensor
    """The weighted sum of each term's values, to go backward on."""
    part_P: torch.Tensor
    """The plain sum of each part's values, without gradients, float64."""
    count_P: torch.Tensor
    """How many these were."""


Rows = TypeVar("Rows", contravariant=True)
One = TypeVar("One", bound=Forward)


class Objective(Protocol[Rows, One]):
    """What a run minimises: a sum of terms, each a weighted mean of values over the global batch.

    Plain cross-entropy has one term; a rollout's advantages and its distance from a reference are two.
    """

    @property
    def model(self) -> nn.Module:
        """Whose trainable parameters move; checkpoints hold its tensors by the names they have in it."""
        ...

    @property
    def network(self) -> nn.Module:
        """The model, or the module around it whose forward is called: the root of sharding."""
        ...

    @property
    def terms(self) -> Mapping[str, float]:
        """The terms by name, and how much each counts in the loss."""
        ...

    @property
    def parts(self) -> Sequence[str]:
        """Names of what is logged beside the terms, such as the loss of each kind of document."""
        ...

    def is_hidden(self, name: str) -> bool:
        """Whether the matrix of that name is a map between hidden states, which Muon suits."""
        ...

    def forwards(self, rows: Rows) -> Sequence[One]:
        """A step's rows, divided into as many forwards on every process."""
        ...

    def __call__(self, forward: One) -> Sums: ...


@dataclass(frozen=True)
class Totals:
    """What a step was, over all processes."""

    losses: dict[str, float]
    """`loss`, each term, and those parts that had any values."""
    documents: int
    tokens: int
    flops: float
    stop: bool
    """Whether any process was asked to stop."""


def backward(
    objective: Objective[Rows, One], forwards: Sequence[One], layout: Layout, stop: bool = False
) -> Totals:
    """Accumulate the gradients of the global batch's mean losses."""
    return _totals(objective, forwards, layout, stop, train=True)


@torch.no_grad()
def evaluate(objective: Objective[Rows, One], forwards: Sequence[One], layout: Layout) -> Totals:
    """The same losses without gradients."""
    return _totals(objective, forwards, layout, stop=False, train=False)


def _totals(
    objective: Objective[Rows, One], forwards: Sequence[One], layout: Layout, stop: bool, train: bool
) -> Totals:
    num_terms, num_parts = len(objective.terms), len(objective.parts)
    weight_K = _zeros(num_terms, layout)
    for forward in forwards:
        weight_K += forward.weight_K
    scale_K = torch.tensor([*objective.terms.values()], device=layout.device)
    scale_K = (scale_K / layout.total(weight_K).clamp(min=1e-12)).float()
    sums = [_zeros(num_terms, layout), _zeros(num_parts, layout), _zeros(num_parts, layout)]
    for number, forward in enumerate(forwards, start=1):
        if isinstance(objective.network, FSDPModule):  # until the last, gradients stay with their process
            objective.network.set_requires_gradient_sync(number == len(forwards))
        found = objective(forward)
        if train:
            # Sharding takes the mean of the processes' gradients; the sum is meant.
            (layout.world * (scale_K * found.term_K).sum()).backward()
        for total, part in zip(sums, (found.term_K.detach(), found.part_P, found.count_P), strict=True):
            total += part
    counts = [sum(one.documents for one in forwards), sum(one.tokens for one in forwards)]
    counts += [sum(one.flops for one in forwards), stop]
    together = torch.cat([*sums, torch.tensor(counts, dtype=torch.float64, device=layout.device)])
    term_K, part_P, count_P, (documents, tokens, flops, asked) = (
        layout.total(together).cpu().split([num_terms, num_parts, num_parts, len(counts)])
    )
    means = (term_K / weight_K.cpu().clamp(min=1e-12)).tolist()
    loss = sum((weight * mean for weight, mean in zip(objective.terms.values(), means, strict=True)), 0.0)
    losses = {"loss": loss, **dict(zip(objective.terms, means, strict=True))}
    for name, total, count in zip(objective.parts, part_P, count_P, strict=True):
        if count:
            losses[name] = (total / count).item()
    return Totals(losses, int(documents), int(tokens), float(flops), bool(asked))


def _zeros(count: int, layout: Layout) -> torch.Tensor:
    return torch.zeros(count, dtype=torch.float64, device=layout.device)
